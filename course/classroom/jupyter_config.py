"""Settings for every program of Jupyter on one server; server.sh puts this file into /etc/jupyter.

A kernel listens on ports of the machine, and whoever has an account there could listen in. Encrypted, its
owner alone reads what it says: the key lies in the owner's home.
"""

c = get_config()  # noqa: F821
c.KernelManager.transport_encryption = "required"
