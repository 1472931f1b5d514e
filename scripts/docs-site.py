"""Hook of MkDocs: the README becomes the first page, and files of the repository that pages link to are part of the site.

Pages link to each other as they lie in the repository, so that the links work there, too.
"""
import os
import re

from mkdocs.structure.files import File

LINK = re.compile(r"\]\((?!\w+:|#)([^()\s#]+)")
FOLDER = "repository/"


def root(config):
    return os.path.dirname(os.path.abspath(config["config_file_path"]))


def on_files(files, config):
    with open(os.path.join(root(config), "README.md"), encoding="utf-8") as readme:
        files.append(File.generated(config, "index.md", content=readme.read()))
    return files


def on_page_markdown(markdown, page, config, files):
    top, isReadme = root(config), page.file.src_uri == "index.md"

    def moved(match):
        path = os.path.normpath(os.path.join("" if isReadme else "docs", match[1]))
        if path == "docs" or path.startswith("docs/"):
            return "](" + os.path.relpath(path, "docs")
        # MkDocs reports what does not exist.
        if not os.path.isfile(os.path.join(top, path)) or path.startswith(".."):
            return match[0]
        # A page of another folder is shown as text: its own links are not part of the site.
        name = FOLDER + path + (".txt" if path.endswith(".md") else "")
        if files.get_file_from_path(name) is None:
            files.append(File.generated(config, name, abs_src_path=os.path.join(top, path)))
        return "](" + name

    return LINK.sub(moved, markdown)
