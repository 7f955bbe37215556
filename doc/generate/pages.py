"""Hooks of mkdocs.yml: pages from outside of doc/, links to sources, and pictures.

A paragraph that is only a link to a file in doc/pictures/ becomes the picture that is made from that file. So the pages
can be read as they are, too: there, the link leads to the source of the picture.
"""
import html
import os
import posixpath
import re
import subprocess
import sys

from mkdocs.structure.files import File

# Pages that stand where GitHub looks for them.
AT_TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
LINK = re.compile(r"(\]\()([^()\s#:]+)(#[^()\s]*)?(?=\))")
PICTURE = re.compile(r'<p><a href="pictures/([\w-]+\.\w+)">(.*?)</a></p>', re.DOTALL)


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()


def svg(text, label):
    """An SVG for a page, which scales it and gives it its colors: doc/generate/pages.css."""
    text = re.sub(r"<title>.*?</title>|<desc>.*?</desc>|<!--.*?-->", "", text[text.index("<svg"):], flags=re.DOTALL)
    return re.sub(r'<svg\s+width="(\d+)(?:pt)?"\s+height="(\d+)(?:pt)?"',
                  r'<svg role="img" aria-label="%s" width="\1" height="\2"' % label, text, count=1)


def graph(source, label):
    return svg(run("dot", "-Tsvg", source), label)


def plot(source, label):
    return svg(run("gnuplot", "-e", "data='%s'; picture='/dev/stdout'" % source, "bench/growth.gp"), label)


def terminal(source, _):
    run("make", "-s", "all") # the picture shows the command of this tree
    return run(sys.executable, "doc/generate/terminal.py", source)


MAKERS = {".dot": graph, ".tsv": plot, ".json": terminal}


def picture(match):
    name, caption = match.groups()
    label = html.escape(re.sub("<[^>]*>", "", caption).replace("\n", " "))
    made = MAKERS[posixpath.splitext(name)[1]]("doc/pictures/" + name, label)
    return "<figure>%s<figcaption>%s</figcaption></figure>" % (made, caption)


def on_files(files, config):
    for file in list(files):
        if file.src_path.startswith(("generate/", "man/")) and file.src_path not in config["extra_css"]:
            files.remove(file)
    for name in AT_TOP:
        files.append(File(name, os.path.dirname(config["config_file_path"]), config["site_dir"],
                          config["use_directory_urls"]))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links between pages lead to pages; those to other files of the tree, to the file at GitHub."""
    folder = "" if page.file.src_path in AT_TOP else "doc"

    def target(match):
        path = posixpath.normpath(posixpath.join(folder, match[2]))
        own = path[len("doc/"):] if path.startswith("doc/") else path
        if path in AT_TOP or path.startswith("doc/") and own.endswith(".md"):
            link = own
        elif os.path.exists(path) and not path.startswith("doc/pictures/"):
            kind = "tree" if os.path.isdir(path) else "blob"
            link = "%s/%s/main/%s" % (config["extra"]["sources"], kind, path)
        else:
            return match[0]
        return match[1] + link + (match[3] or "")

    return LINK.sub(target, markdown)


def on_page_content(content, page, config, files):
    return PICTURE.sub(picture, content)
