"""Every test gets an empty cache folder of its own, so that none sees or touches the user's."""

import pytest


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("data-folder")
    monkeypatch.setenv("MIUA_DATA_DIR", str(folder))
    for name in ("MIUA_INCEPTION_WEIGHTS", "MIUA_TRACEBACK", "MIUA_COMMIT"):
        monkeypatch.delenv(name, raising=False)
    return folder
