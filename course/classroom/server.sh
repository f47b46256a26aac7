#!/bin/sh
# One server: an instructor and students, each with an account, and nbgrader's exchange between them.
#   sh course/classroom/server.sh INSTRUCTOR STUDENT...
# As root, in a clone of the course; again with more names when somebody joins. docs/classroom.md says more.
# It makes accounts that are missing (give them passwords yourself) and closes homes to others.
set -eu

GROUP=llm-students
PLACE=/srv/llm-put-to-the-test
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$PLACE/cache}" # where everybody may read the environment
cd "$(dirname "$0")/../.."

stop() {
    echo "$*" >&2
    exit 1
}

[ $# -gt 1 ] || stop "Who? sh course/classroom/server.sh INSTRUCTOR STUDENT..."
[ "$(id -u)" = 0 ] || stop "Only root can make accounts: put sudo in front."
for program in setfacl bwrap; do
    command -v $program >/dev/null || stop "$program is missing: apt-get install acl bubblewrap"
done
instructor=$1
shift
home_of() { getent passwd "$1" | cut -d: -f6; }
for user in "$@"; do
    [ "$user" != "$instructor" ] || stop "$user cannot be instructor and student."
done
if id -nG "$instructor" 2>/dev/null | tr ' ' '\n' | grep -qx $GROUP; then
    stop "$instructor is a student: gpasswd -d $instructor $GROUP"
fi
for user in "$instructor" "$@"; do
    id "$user" >/dev/null 2>&1 || continue # it is made below
    home=$(home_of "$user")
    [ "$(stat -c %U "$home" 2>/dev/null)" = "$user" ] || stop "$user has no home of its own ($home)."
done
umask 022
bin=$(sh course/environment.sh)

# --- People -----------------------------------------------------------------------------------

getent group $GROUP >/dev/null || groupadd $GROUP
for user in "$instructor" "$@"; do
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
    chmod 700 "$(home_of "$user")"
done
for user in "$@"; do
    gpasswd --add "$user" $GROUP >/dev/null
done
runuser -u "$1" -- "$bin/python" -c "" ||
    stop "$1 cannot run the Python of $bin. Take one outside of homes: PYTHON=/usr/bin/python3 in front."

# --- The exchange -----------------------------------------------------------------------------

# nbgrader makes what is handed in readable for all and hides its name. An entry of the access list for the
# group of students stands before "all" and says no; a student's own files are the student's.
exchange=$PLACE/class/exchange
mkdir -p "$PLACE/class"
chgrp $GROUP "$PLACE/class"
chmod 710 "$PLACE/class" # other accounts of this server do not come in
setfacl --modify "user:$instructor:x" "$PLACE/class" || stop "$PLACE is on a disk without access lists (ACL)."
shared=$exchange/llm-put-to-the-test
# Root must not follow what others have put in the place of a folder that was made here earlier.
for place in "$exchange" "$shared" "$shared/outbound" "$shared/inbound" "$shared/feedback"; do
    [ ! -L "$place" ] || stop "$place is a link, and it was a folder. Who made it? Delete it, then the same again."
done
mkdir -p "$shared/outbound" "$shared/inbound" "$shared/feedback"
chmod 1777 "$exchange" # nbgrader asks for 777; the 1 keeps students from moving the course away
cd "$shared"
chown -h "$instructor:" . outbound inbound feedback
chmod 755 . outbound
chmod 1733 inbound
chmod 711 feedback
setfacl --default --modify "user::rwx,group::-,other::-,user:$instructor:rwx,group:$GROUP:-" inbound feedback
cd - >/dev/null

# --- Settings ---------------------------------------------------------------------------------

mkdir -p /etc/jupyter
for file in course/classroom/nbgrader_config.py course/classroom/jupyter_config.py course/jupyter_server_config.py; do
    there=/etc/jupyter/$(basename "$file")
    cmp -s "$file" "$there" || cp --backup=numbered "$file" "$there" # what was there stays beside it
done
cat >/etc/profile.d/llm-put-to-the-test.sh <<END
if [ "\$(id -un)" = "$instructor" ] || id -nG | grep -qw $GROUP; then
    PATH="$bin:\$PATH"
    umask 077
fi
END

# --- The instructor's folder, with the solutions ----------------------------------------------

folder=$(home_of "$instructor")/llm-put-to-the-test
[ ! -L "$folder" ] || stop "$folder is a link. Delete it, then the same again."
if [ ! -e "$folder" ]; then
    cp -R . "$folder"
    chown -R "$instructor:" "$folder"
fi
chmod 700 .
echo "Ready. $instructor works in $folder; all log in and type 'jupyter lab' or 'nbgrader'."
