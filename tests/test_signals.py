@pytest.mark.parametrize("narrow", [False, True])
def test_curves_are_running_means_that_end_in_a_cross_where_the_loss_does(narrow):
    panels = {"one": {"bad": [4.0, 2.0, math.nan], "good": [3.0, 1.0]}, "two": {"bad": [1.0]}}
    figure = figures.curves(panels, {"one": {"ln 10": 2.3}}, smooth=2, narrow=narrow)
    one, two = (axes for axes in figure.axes if axes.get_visible())
    bad, cross, good, level = one.lines
    assert list(bad.get_xdata()) == [1, 2] and list(bad.get_ydata()) == [4, 3]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (3, 2)
    assert list(good.get_ydata()) == [3, 2] and level.get_ydata()[0] == 2.3
    assert [text.get_text() for text in one.texts] == ["nan", "ln 10"]
    assert two.get_title("left") == "two" and two.lines[0].get_color() == bad.get_color() != good.get_color()
