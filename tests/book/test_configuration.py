"""Every key of _config.yml has an effect: unknown keys pass silently through Jupyter Book and Sphinx."""

import configparser
import warnings
from importlib import resources
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
SPHINX = CONFIG["sphinx"]["config"]

# Key of _config.yml -> (name in Sphinx's configuration, value that must arrive there; `...` for the value as written).
# A dotted Sphinx name is a key of a dictionary. A key that is missing here is a key that nobody has checked.
ARRIVES = {
    "title": ("html_title", ...),
    "author": ("author", ...),
    "copyright": ("copyright", ...),
    "logo": ("html_logo", ...),
    "only_build_toc_files": ("external_toc_exclude_missing", True),
    "exclude_patterns": (
        "exclude_patterns",
        ["**.ipynb_checkpoints", ".DS_Store", "Thumbs.db", "_build", "_ext", "_vendor"],
    ),
    "execute.execute_notebooks": ("nb_execution_mode", "cache"),
    "execute.timeout": ("nb_execution_timeout", 120),
    "execute.run_in_temp": ("nb_execution_in_temp", True),
    "execute.stderr_output": ("nb_output_stderr", "remove-warn"),
    "execute.raise_on_error": ("nb_execution_raise_on_error", True),
    "execute.show_tb": ("nb_execution_show_tb", True),
    "parse.myst_enable_extensions": ("myst_enable_extensions", ...),
    "html.use_edit_page_button": ("html_theme_options.use_edit_page_button", False),
    "html.use_repository_button": ("html_theme_options.use_repository_button", False),
    "html.use_issues_button": ("html_theme_options.use_issues_button", False),
    "html.home_page_in_navbar": ("html_theme_options.home_page_in_toc", True),
    "latex.use_jupyterbook_latex": ("use_jupyterbook_latex", False),
    "bibtex_bibfiles": ("bibtex_bibfiles", ...),
}
# Read by Jupyter Book itself; each has its own test below.
CONSUMED = {"sphinx.recursive_update", "sphinx.local_extensions", "sphinx.config"}


def lookup(mapping, dotted):
    """Value at a dotted path."""
    for key in dotted.split("."):
        mapping = mapping[key]
    return mapping


def contains(found, wanted):
    """Whether all that is wanted is found; extensions may have added keys to a dictionary."""
    if isinstance(wanted, dict):
        return all(key in found and contains(found[key], value) for key, value in wanted.items())
    return found == wanted


@pytest.fixture(scope="module")
def final():
    """The configuration that Jupyter Book hands to Sphinx."""
    from jupyter_book.config import get_final_config

    return get_final_config(
        user_yaml=ROOT / "_config.yml",
        cli_config={"latex_individualpages": False},
        sourcedir=ROOT / "book",
        raise_on_invalid=True,
    )[0]


@pytest.fixture(scope="module")
def app(final, tmp_path_factory):
    """A Sphinx application with that configuration; nothing is built."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    folder = tmp_path_factory.mktemp("site")
    overrides = {**final, "external_toc_path": str(ROOT / "book" / "_toc.yml")}
    overrides.pop("latex_doc_overrides", None)
    arguments = (ROOT / "book", None, folder / "html", folder / "doctrees", "html", overrides)
    with patch_docutils(), docutils_namespace(), warnings.catch_warnings():
        # sphinx_external_toc asks the type of every object in memory; one of torch's, if loaded, warns when asked.
        warnings.filterwarnings("ignore", "`torch.distributed.reduce_op` is deprecated", FutureWarning)
        application = Sphinx(*arguments, status=None, warning=None)
    with patch_docutils(), docutils_namespace():
        yield application


def test_every_key_is_in_the_list():
    """No key of _config.yml has gone unchecked, and none in the list is gone."""
    keys = set()
    for name, value in CONFIG.items():
        keys |= {f"{name}.{inner}" for inner in value} if isinstance(value, dict) else {name}
    assert keys == set(ARRIVES) | CONSUMED


@pytest.mark.parametrize("key", ARRIVES)
def test_key_arrives(final, key):
    """The value is in Sphinx's configuration under the name that Sphinx or myst-nb reads."""
    name, value = ARRIVES[key]
    wanted = lookup(CONFIG, key) if value is ... else value
    assert lookup(final, name) == wanted


@pytest.mark.parametrize("key", SPHINX)
def test_sphinx_key_is_known_and_arrives(app, key):
    """Sphinx, or an extension, has declared the value; a misspelt one would be ignored."""
    if key == "extensions":  # read by Sphinx before it declares its values; test_every_extension_is_loaded
        return
    assert key in app.config.values
    assert contains(app.config[key], SPHINX[key])


def test_every_extension_is_loaded(app):
    """Those of the list, and thebe and intersphinx (which refer to outside) are not."""
    assert set(SPHINX["extensions"]) <= set(app.extensions)
    assert not {"sphinx_thebe", "sphinx.ext.intersphinx"} & set(app.extensions)


def test_recursive_update_keeps_jupyter_books_theme_options(app):
    """Without it our theme options would replace those that `html:` sets."""
    options = app.config.html_theme_options
    assert options["home_page_in_toc"] is True and options["show_toc_level"] == 2


def test_theme_options_exist(final):
    """Each theme option is declared by the theme or the one that it inherits from."""
    declared = set()
    for package, theme in (
        ("sphinx_book_theme", "sphinx_book_theme"),
        ("pydata_sphinx_theme", "pydata_sphinx_theme"),
    ):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(
            (resources.files(package) / "theme" / theme / "theme.conf").read_text(encoding="utf-8")
        )
        declared |= set(parser["options"])
    ours = set(SPHINX["html_theme_options"])
    assert ours and ours <= declared


def test_execution_cache_is_keyed(app):
    """The extension has set the cache's path from the digest of the sources."""
    from snntheory_book.digest import sources_digest

    path = Path(app.config.nb_execution_cache_path)
    assert path.parent.name == ".jupyter_cache" and path.name.endswith(sources_digest(ROOT))


def test_style_sheet_is_in_every_page_and_vendored_scripts_are_not(final):
    """Jupyter Book injects what lies in book/_static into every page; MathJax must not be there."""
    assert final["html_css_files"] == ["book.css"]
    assert "html_js_files" not in final
