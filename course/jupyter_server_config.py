"""What JupyterLab reads when lab.sh starts it: a notebook that is opened and closed is not "unsaved".

When a kernel starts, JupyterLab writes its exact Python version into the notebook, and marks the notebook as
changed. So the server puts that version in before it hands the notebook out.
"""

from ipykernel.ipkernel import IPythonKernel
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager


class FilesAsTheKernelHasThem(AsyncLargeFileManager):
    """Notebooks say that this Python ran them; on the disk they stay as they are until they are saved."""

    async def get(self, path, content=True, *arguments, **keywords):
        model = await super().get(path, content, *arguments, **keywords)
        if content and model["type"] == "notebook":
            model["content"]["metadata"]["language_info"] = IPythonKernel.language_info
        return model


c = get_config()  # noqa: F821
c.ServerApp.contents_manager_class = FilesAsTheKernelHasThem
