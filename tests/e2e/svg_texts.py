"""The texts of an SVG file that matplotlib drew as outlines: each with the box that it fills, in the file's units."""

import html
import math
import re
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def multiplied(a, b):
    """Of affine maps (a, b, c, d, e, f) as SVG writes them: first b, then a."""
    return (a[0] * b[0] + a[2] * b[1], a[1] * b[0] + a[3] * b[1], a[0] * b[2] + a[2] * b[3], a[1] * b[2] + a[3] * b[3],
            a[0] * b[4] + a[2] * b[5] + a[4], a[1] * b[4] + a[3] * b[5] + a[5])


def transform_of(node):
    total = (1, 0, 0, 1, 0, 0)
    for name, text in re.findall(r"(\w+)\(([^)]*)\)", node.get("transform", "")):
        numbers = [float(n) for n in re.split(r"[ ,]+", text.strip())]
        if name == "translate":
            step = (1, 0, 0, 1, *(numbers + [0])[:2])
        elif name == "scale":
            step = (numbers[0], 0, 0, numbers[-1], 0, 0)
        elif name == "rotate":
            turn = math.radians(numbers[0])
            step = (math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn), 0, 0)
        else:
            raise AssertionError("not written by matplotlib: " + name)
        total = multiplied(total, step)
    return total


def points_of(path, outer):
    """Of a path's control points the places; glyphs lie within them."""
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", path.get("d", ""))]
    map_ = multiplied(outer, transform_of(path))
    for x, y in zip(numbers[::2], numbers[1::2]):
        yield map_[0] * x + map_[2] * y + map_[4], map_[1] * x + map_[3] * y + map_[5]


def box_of(points):
    xs, ys = zip(*points)
    return min(xs), min(ys), max(xs), max(ys)


def svg_texts(file):
    """(width, height) of the view box and [(text, (left, top, right, bottom))]."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.parse(file, parser).getroot()
    left, top, width, height = map(float, root.get("viewBox").split())
    assert left == top == 0
    glyphs = {node.get("id"): node for node in root.iter(SVG + "path") if node.get("id")}
    texts = []

    def walk(node, outer):
        map_ = multiplied(outer, transform_of(node))
        if node.get("id", "").startswith("text_"):
            # Lines follow one another, each after a comment with its words.
            lines = []
            for child in node:
                if child.tag is ElementTree.Comment:
                    lines.append((html.unescape(child.text.strip()), []))
                elif lines:
                    lines[-1][1].extend(outlines(child, map_))
            texts.extend((text, box_of(points)) for text, points in lines if points)
            return
        for child in node:
            if isinstance(child.tag, str) and child.tag != SVG + "defs":
                walk(child, map_)

    def outlines(node, outer):
        map_ = multiplied(outer, transform_of(node))
        if node.tag == SVG + "use":
            yield from points_of(glyphs[node.get(LINK)[1:]], map_)
        for child in node:
            if child.tag != SVG + "defs":
                yield from outlines(child, map_)

    walk(root, (1, 0, 0, 1, 0, 0))
    return (width, height), texts
