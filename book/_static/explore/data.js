// Made by `python -m vgg_lib.explore` from the library and its records.
explore.data = {
"networks":{
"A":{"colour":"#0072B2","layers":[["conv1_1","conv",64,3,1,1],["pool1","pool",0,2,2,0],["conv2_1","conv",128,3,1,1],["pool2","pool",0,2,2,0],["conv3_1","conv",256,3,1,1],["conv3_2","conv",256,3,1,1],["pool3","pool",0,2,2,0],["conv4_1","conv",512,3,1,1],["conv4_2","conv",512,3,1,1],["pool4","pool",0,2,2,0],["conv5_1","conv",512,3,1,1],["conv5_2","conv",512,3,1,1],["pool5","pool",0,2,2,0]]},
"A-LRN":{"colour":"#56B4E9","layers":[["conv1_1","conv",64,3,1,1],["lrn1","lrn",0,1,1,0],["pool1","pool",0,2,2,0],["conv2_1","conv",128,3,1,1],["pool2","pool",0,2,2,0],["conv3_1","conv",256,3,1,1],["conv3_2","conv",256,3,1,1],["pool3","pool",0,2,2,0],["conv4_1","conv",512,3,1,1],["conv4_2","conv",512,3,1,1],["pool4","pool",0,2,2,0],["conv5_1","conv",512,3,1,1],["conv5_2","conv",512,3,1,1],["pool5","pool",0,2,2,0]]},
"B":{"colour":"#009E73","layers":[["conv1_1","conv",64,3,1,1],["conv1_2","conv",64,3,1,1],["pool1","pool",0,2,2,0],["conv2_1","conv",128,3,1,1],["conv2_2","conv",128,3,1,1],["pool2","pool",0,2,2,0],["conv3_1","conv",256,3,1,1],["conv3_2","conv",256,3,1,1],["pool3","pool",0,2,2,0],["conv4_1","conv",512,3,1,1],["conv4_2","conv",512,3,1,1],["pool4","pool",0,2,2,0],["conv5_1","conv",512,3,1,1],["conv5_2","conv",512,3,1,1],["pool5","pool",0,2,2,0]]},
"C":{"colour":"#E69F00","layers":[["conv1_1","conv",64,3,1,1],["conv1_2","conv",64,3,1,1],["pool1","pool",0,2,2,0],["conv2_1","conv",128,3,1,1],["conv2_2","conv",128,3,1,1],["pool2","pool",0,2,2,0],["conv3_1","conv",256,3,1,1],["conv3_2","conv",256,3,1,1],["conv3_3","conv",256,1,1,0],["pool3","pool",0,2,2,0],["conv4_1","conv",512,3,1,1],["conv4_2","conv",512,3,1,1],["conv4_3","conv",512,1,1,0],["pool4","pool",0,2,2,0],["conv5_1","conv",512,3,1,1],["conv5_2","conv",512,3,1,1],["conv5_3","conv",512,1,1,0],["pool5","pool",0,2,2,0]]},
"D":{"colour":"#D55E00","layers":[["conv1_1","conv",64,3,1,1],["conv1_2","conv",64,3,1,1],["pool1","pool",0,2,2,0],["conv2_1","conv",128,3,1,1],["conv2_2","conv",128,3,1,1],["pool2","pool",0,2,2,0],["conv3_1","conv",256,3,1,1],["conv3_2","conv",256,3,1,1],["conv3_3","conv",256,3,1,1],["pool3","pool",0,2,2,0],["conv4_1","conv",512,3,1,1],["conv4_2","conv",512,3,1,1],["conv4_3","conv",512,3,1,1],["pool4","pool",0,2,2,0],["conv5_1","conv",512,3,1,1],["conv5_2","conv",512,3,1,1],["conv5_3","conv",512,3,1,1],["pool5","pool",0,2,2,0]]},
"E":{"colour":"#CC79A7","layers":[["conv1_1","conv",64,3,1,1],["conv1_2","conv",64,3,1,1],["pool1","pool",0,2,2,0],["conv2_1","conv",128,3,1,1],["conv2_2","conv",128,3,1,1],["pool2","pool",0,2,2,0],["conv3_1","conv",256,3,1,1],["conv3_2","conv",256,3,1,1],["conv3_3","conv",256,3,1,1],["conv3_4","conv",256,3,1,1],["pool3","pool",0,2,2,0],["conv4_1","conv",512,3,1,1],["conv4_2","conv",512,3,1,1],["conv4_3","conv",512,3,1,1],["conv4_4","conv",512,3,1,1],["pool4","pool",0,2,2,0],["conv5_1","conv",512,3,1,1],["conv5_2","conv",512,3,1,1],["conv5_3","conv",512,3,1,1],["conv5_4","conv",512,3,1,1],["pool5","pool",0,2,2,0]]},
"B-5x5":{"colour":"#7FC8AE","layers":[["conv1_1","conv",64,5,1,2],["pool1","pool",0,2,2,0],["conv2_1","conv",128,5,1,2],["pool2","pool",0,2,2,0],["conv3_1","conv",256,5,1,2],["pool3","pool",0,2,2,0],["conv4_1","conv",512,5,1,2],["pool4","pool",0,2,2,0],["conv5_1","conv",512,5,1,2],["pool5","pool",0,2,2,0]]},
"D-7x7":{"colour":"#F0A978","layers":[["conv1_1","conv",64,5,1,2],["pool1","pool",0,2,2,0],["conv2_1","conv",128,5,1,2],["pool2","pool",0,2,2,0],["conv3_1","conv",256,7,1,3],["pool3","pool",0,2,2,0],["conv4_1","conv",512,7,1,3],["pool4","pool",0,2,2,0],["conv5_1","conv",512,7,1,3],["pool5","pool",0,2,2,0]]}
},
"fc":4096,
"kinds":{"conv":"#0072B2","lrn":"#56B4E9","pool":"#767676","fc":"#E69F00"},
"view":"#D55E00",
"photo":{"side":64,"thing":"crown"},
"stacks":{"one 3×3":[3],"two 3×3":[3,3],"three 3×3":[3,3,3],"one 5×5":[5],"one 7×7":[7],"A’s first two stages":[3,"pool",3,"pool"],"A’s first three stages":[3,"pool",3,"pool",3,3,"pool"],"D’s first two stages":[3,3,"pool",3,3,"pool"],"D’s first three stages":[3,3,"pool",3,3,"pool",3,3,3,"pool"],"B-5x5’s first two stages":[5,"pool",5,"pool"]},
"evidence":{
"studies":{"first":"","pilot":"Which recipes converge at this scale, and what will the evidence cost?","testing":"","things":""},
"protocols":["dense at Q = 73, mirrored too","1×1 crops at Q = 73","dense at Q = 73","dense at Q = 64, 73, 82, mirrored too","5×5 crops at Q = 73, mirrored too","5×5 crops at Q = 64, 73, 82, mirrored too","dense and 5×5 crops at Q = 73, mirrored too","dense and 5×5 crops at Q = 64, 73, 82, mirrored too","dense at Q = 73, 110, 146, mirrored too","dense and 5×5 crops at Q = 73, 110, 146, mirrored too","dense at Q = 54, mirrored too"],
"recipes":[
{"network":"A","preset":"laptop","norm":false,"rate":0.02,"epochs":40,"scale":73,"text":"A, S=73, he","own":0},
{"network":"A","preset":"laptop","norm":false,"rate":0.01,"epochs":40,"scale":73,"text":"A, S=73, he, learning_rate 0.01","own":0},
{"network":"A","preset":"laptop","norm":false,"rate":0.05,"epochs":40,"scale":73,"text":"A, S=73, he, learning_rate 0.05","own":0},
{"network":"D","preset":"laptop","norm":false,"rate":0.01,"epochs":40,"scale":73,"text":"D, S=73, he, learning_rate 0.01","own":0},
{"network":"D","preset":"laptop","norm":false,"rate":0.02,"epochs":40,"scale":73,"text":"D, S=73, he","own":0},
{"network":"D","preset":"laptop","norm":false,"rate":0.05,"epochs":40,"scale":73,"text":"D, S=73, he, learning_rate 0.05","own":0},
{"network":"A","preset":"laptop","norm":true,"rate":0.01,"epochs":40,"scale":73,"text":"A + batch norm, S=73, he, learning_rate 0.01","own":0},
{"network":"A","preset":"laptop","norm":true,"rate":0.02,"epochs":40,"scale":73,"text":"A + batch norm, S=73, he","own":0},
{"network":"A","preset":"laptop","norm":true,"rate":0.05,"epochs":40,"scale":73,"text":"A + batch norm, S=73, he, learning_rate 0.05","own":0},
{"network":"D","preset":"laptop","norm":true,"rate":0.01,"epochs":40,"scale":73,"text":"D + batch norm, S=73, he, learning_rate 0.01","own":0},
{"network":"D","preset":"laptop","norm":true,"rate":0.02,"epochs":40,"scale":73,"text":"D + batch norm, S=73, he","own":0},
{"network":"D","preset":"laptop","norm":true,"rate":0.05,"epochs":40,"scale":73,"text":"D + batch norm, S=73, he, learning_rate 0.05","own":0},
{"network":"A","preset":"laptop","norm":false,"rate":0.02,"epochs":80,"scale":73,"text":"A, S=73, he, epochs 80","own":0},
{"network":"D","preset":"laptop","norm":false,"rate":0.02,"epochs":80,"scale":73,"text":"D, S=73, he, epochs 80","own":0},
{"network":"A","preset":"laptop","norm":false,"rate":0.02,"epochs":160,"scale":73,"text":"A, S=73, he, epochs 160","own":0},
{"network":"A","preset":"quick","norm":false,"rate":0.02,"epochs":60,"scale":[36,72],"text":"A, S=(36, 72), he, width 0.125, epochs 60","own":10}
],
"run":["study","recipe","seed","outcome","key","tests"],
"test":["protocol","set","photographs","error","seconds","fused"],
"runs":[
["first",0,0,"finished","af7b743c5a47e6c7",[[0,"held-out",935,21.18,null,0]]],
["pilot",0,0,"finished","af7b743c5a47e6c7",[[0,"held-out",935,20.64,3.4,0]]],
["pilot",1,0,"finished","7ec53c545c8685ac",[[0,"held-out",935,23.32,4.5,0]]],
["pilot",2,0,"finished","cfe627a5b8358dd3",[[0,"held-out",935,21.39,3.7,0]]],
["pilot",3,0,"finished","a54dc4a62078ff29",[[0,"held-out",935,25.03,6.7,0]]],
["pilot",4,0,"finished","40dbbf865e354f4a",[[0,"held-out",935,24.17,5.9,0]]],
["pilot",5,0,"finished","e85f1b979bd114ed",[[0,"held-out",935,25.45,8.7,0]]],
["pilot",6,0,"finished","e39130ab4c83b249",[[0,"held-out",935,17.43,4.5,0]]],
["pilot",7,0,"finished","3dc6cbee75345e0a",[[0,"held-out",935,15.83,6.0,0]]],
["pilot",8,0,"finished","b456939e9744b292",[[0,"held-out",935,15.51,5.3,0]]],
["pilot",9,0,"finished","19a5c0a7aefa1791",[[0,"held-out",935,17.75,11.1,0]]],
["pilot",10,0,"finished","7b614fd6576536e4",[[0,"held-out",935,15.51,8.7,0]]],
["pilot",11,0,"finished","7650abdc5e214f34",[[0,"held-out",935,14.76,5.8,0]]],
["pilot",12,0,"finished","776d1ea4ccdf4e0f",[[0,"held-out",935,19.25,3.9,0]]],
["pilot",12,1,"finished","deb1f417811ada80",[[0,"held-out",935,21.07,3.6,0]]],
["pilot",13,0,"finished","0dd7a310108dd92d",[[0,"held-out",935,20.32,5.1,0]]],
["pilot",14,0,"finished","0b2a85f8bd8303ef",[[0,"held-out",935,17.22,2.9,0]]],
["testing",0,0,"finished","af7b743c5a47e6c7",[[1,"held-out",935,19.57,1.1,0],[2,"held-out",935,22.14,0.4,0],[0,"held-out",935,21.18,1.1,0],[3,"held-out",935,18.93,2.4,0],[4,"held-out",935,17.75,14.9,0],[5,"held-out",935,16.79,43.7,0],[6,"held-out",935,18.93,15.3,0],[7,"held-out",935,17.75,47.9,0],[8,"held-out",935,21.71,5.5,0],[9,"held-out",935,18.07,46.3,0],[0,"held-out",935,19.47,2.1,1],[7,"held-out",935,17.01,110.3,1]]],
["things",15,0,"finished","91b9d85f3cf84ee5",[[10,"held-out",258,11.63,0.3,0]]]
],
"student":[12.7062,4.3027,3.1824,2.7764,2.5706,2.4469,2.3646,2.306,2.2622,2.2281,2.201,2.1788,2.1604,2.1448,2.1314,2.1199,2.1098,2.1009,2.093,2.086,2.0796,2.0739,2.0687,2.0639,2.0595,2.0555,2.0518,2.0484,2.0452]
}
};
