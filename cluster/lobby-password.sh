#!/bin/sh
# Make the password with which the servers come to Valkey, unless there is one, and tell Valkey its hash and what it is good for.
#
#   lobby-password.sh [PASSWORD_FILE USERS_FILE]     PASSWORD_FILE.previous, if there is one, stays good beside it
set -eu

password=${1:-/lobby/server/password}
users=${2:-/lobby/valkey/users.acl}
if [ ! -s "$password" ]; then
    head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1 >"$password.new"
    mv "$password.new" "$password"
fi
hashes=
for file in "$password" "$password.previous"; do
    [ ! -s "$file" ] || hashes="$hashes #$(tr -d '\n' <"$file" | sha256sum | cut -d ' ' -f 1)"
done

# The game's keys, and the commands that the servers' scripts are made of; nobody else may do anything.
cat >"$users.new" <<EOT
user default off
user game on$hashes ~game:* resetchannels -@all +ping +client|setinfo +client|setname +script|load +evalsha +time +xadd +xread +get +set +incr +exists +del +pexpire +hget +hmget +hset +hdel +hgetall +sadd +srem +smembers +sismember
EOT
mv "$users.new" "$users"
# Each volume is mounted where it is for, and nowhere else.
chmod 0444 "$password" "$users"
