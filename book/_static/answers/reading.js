/* Photographs as people have them: large, turned by their EXIF, transparent, of a kind that the browser does not know. */
"use strict";

Object.assign(answers, {
  /** The smallest side that is kept, in pixels: twice the largest Q, so that no detail is lost that a net could see. */
  KEPT: 448,
  /** No wider than this many times its height, or the other way round: more would be a panorama's memory. */
  LONGEST: 3,
  /** Whether this browser decodes JPEG at a part of its size. An older decoder does not say how the camera was held. */
  IN_PARTS: Boolean(window.ImageDecoder && "rotation" in VideoFrame.prototype),
  /** In millions of pixels: what is decoded without a thought, what is decoded whole (telephones have 48), and what in
      parts. */
  AT_ONCE: 8, MOST: 50, MOST_JPEG: 200,
  Refusal: class extends Error {},
});

/** What a file is that the browser could not show, from its first bytes. */
answers.kindOf = async (file) => {
  const start = new Uint8Array(await file.slice(0, 32).arrayBuffer());
  const text = String.fromCharCode(...start);
  const brand = text.slice(4, 8) === "ftyp" ? text.slice(8, 12) : "";
  if (!file.size) return "is empty";
  if (/^(heic|heix|heim|heis|hevc|mif1|msf1)$/.test(brand)) {
    return "is a HEIC photograph, which this browser cannot read. Save it as JPEG, or on an iPhone choose Settings, Camera, "
      + "Formats, “Most Compatible”, and take it again";
  }
  if (brand === "avif") return "is an AVIF picture, which this browser cannot read. Save it as JPEG";
  if (/^(II\*\0|MM\0\*)/.test(text)) return "is a TIFF or a camera’s raw file, which browsers cannot read. Save it as JPEG";
  if (brand || /^(RIFF....AVI |\x1aE\xdf\xa3)/.test(text)) return "is a film. A single picture of it would do";
  if (text.startsWith("%PDF")) return "is a PDF. A photograph as JPEG, PNG or WebP would do";
  const known = /^(\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP)/.test(text);
  return known ? "is damaged: the browser can read only its beginning" : "is no photograph that this browser can read";
};

/** A file as a picture no larger than it must be, upright, on white; raises a Refusal with a sentence for the reader. */
answers.read = async (file) => {
  const address = URL.createObjectURL(file), image = new Image();
  let source = image;
  try {
    image.src = address;
    // Not `decode()`: until it is drawn, the browser knows no more of it than its size.
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    answers.refuse(image, file);
    source = await answers.reduced(image, file);
    return answers.drawn(source, file.name);
  } catch (error) {
    if (error instanceof answers.Refusal) throw error;
    throw new answers.Refusal(`${file.name} ${await answers.kindOf(file)}.`);
  } finally {
    URL.revokeObjectURL(address);
    source.close?.();
  }
};

answers.refuse = ({ naturalWidth, naturalHeight }, { name, type }) => {
  const millions = (naturalWidth * naturalHeight) / 1e6, isJpeg = type === "image/jpeg";
  const mostOfJpeg = answers.IN_PARTS ? answers.MOST_JPEG : answers.MOST;
  if (!millions) throw new answers.Refusal(`${name} has no size in pixels: it is a drawing. A photograph would do.`);
  if (millions > (isJpeg ? mostOfJpeg : answers.MOST)) {
    throw new answers.Refusal(`${name} has ${Math.round(millions)} million pixels, which take too much memory here. Make it smaller`
      + `${isJpeg || millions > mostOfJpeg ? "" : ", or save it as JPEG"}: the nets look at less than a tenth of a million.`);
  }
};

/** Of a large picture one that the browser decodes at a part of its size: 50 megapixels would take 200 MB. */
answers.reduced = async (image, file) => {
  const { naturalWidth: width, naturalHeight: height } = image;
  if (width * height < answers.AT_ONCE * 1e6) return image;
  const scale = Math.min(1, answers.KEPT / Math.min(width, height));
  if (file.type !== "image/jpeg" || !answers.IN_PARTS) {
    const [resizeWidth, resizeHeight] = [width, height].map((side) => Math.ceil(side * scale));
    return createImageBitmap(file, { resizeWidth, resizeHeight, resizeQuality: "high" });
  }
  // Of the eighths that JPEG offers, the decoder takes the largest that has no more pixels than are asked for.
  const [desiredWidth, desiredHeight] = [width, height].map((side) => Math.ceil(2 * side * scale));
  const decoder = new ImageDecoder({ data: file.stream(), type: file.type, desiredWidth, desiredHeight });
  try {
    return (await decoder.decode()).image;
  } finally {
    decoder.close();
  }
};

/** An image of any kind that can be drawn as a picture: its middle where it is very long, no larger than is kept. */
answers.drawn = (image, name) => {
  const width = image.naturalWidth || image.displayWidth || image.width;
  const height = image.naturalHeight || image.displayHeight || image.height;
  const [wide, high] = [Math.min(width, height * answers.LONGEST), Math.min(height, width * answers.LONGEST)];
  const [across, down] = [wide, high].map((side) => Math.max(1, Math.round(side * Math.min(1, answers.KEPT / Math.min(wide, high)))));
  const context = explore.el("canvas", { width: across, height: down }).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // under what is transparent
  context.fillRect(0, 0, across, down);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, (width - wide) / 2, (height - high) / 2, wide, high, 0, 0, across, down);
  const { data } = context.getImageData(0, 0, across, down);
  const picture = answers.picture(across, down);
  for (let i = 0, j = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) picture.data[j++] = data[i + c];
  return { ...picture, name, cut: wide < width || high < height };
};
