"""JupyterHub with ngshare, nbgrader's exchange over the network. hub.sh starts it.

As it stands it starts each person's JupyterLab on this machine, for an account of it. For several machines
another spawner goes here; all else stays as it is.
"""

import os
import sys

INSTRUCTOR = os.environ["INSTRUCTOR"]
STUDENTS = os.environ["STUDENTS"].split()
COURSE_BIN = os.environ["COURSE_BIN"]  # the course's environment
PORT = int(os.environ.get("HUB_PORT", "8000"))  # and the three behind it, for the hub itself
NGSHARE = "access:services!service=ngshare"

c = get_config()  # noqa: F821

# Who comes in: with the password of the account on this machine (PAM).
c.Authenticator.allowed_users = {INSTRUCTOR, *STUDENTS}
c.Authenticator.allow_existing_users = False  # who is no longer named stays out
c.JupyterHub.bind_url = f"http://127.0.0.1:{PORT}"  # for others, put a web server with TLS in front
c.JupyterHub.hub_port = PORT + 1
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{PORT + 2}"

c.Spawner.cmd = [f"{COURSE_BIN}/python", "-m", "jupyterhub.singleuser"]
c.Spawner.default_url = "/lab"
c.Spawner.environment = {
    "PATH": f"{COURSE_BIN}:/usr/local/bin:/usr/bin:/bin",
    "JUPYTER_CONFIG_PATH": os.environ["SETTINGS"],
    "NGSHARE": f"http://127.0.0.1:{PORT}/services/ngshare",
}

# The exchange. It asks the hub who somebody is; the instructor makes the course.
c.JupyterHub.services = [
    {
        "name": "ngshare",
        "url": f"http://127.0.0.1:{PORT + 3}",
        "command": [
            *(sys.executable, "-m", "ngshare", "--admins", INSTRUCTOR),
            *("--database", f"sqlite:///{os.getcwd()}/ngshare.db", "--storage", f"{os.getcwd()}/ngshare"),
        ],
        "oauth_no_confirm": True,
    }
]
c.JupyterHub.load_roles = [{"name": "user", "scopes": ["self", NGSHARE]}]
c.Spawner.server_token_scopes = ["users:activity!user", "access:servers!server", NGSHARE]
