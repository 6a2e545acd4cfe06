#!/bin/sh
# Make the password with which the servers come to Valkey, unless there is one, and tell Valkey its hash and what it is good for.
set -eu

password=/lobby/server/password
if [ ! -s $password ]; then
    head -c 32 /dev/urandom | sha256sum | cut -d ' ' -f 1 >$password.new
    mv $password.new $password
fi
hash=$(tr -d '\n' <$password | sha256sum | cut -d ' ' -f 1)

# The game's keys, and the commands that the servers' scripts are made of; nobody else may do anything.
users=/lobby/valkey/users.acl
cat >$users.new <<EOT
user default off
user game on #$hash ~game:* resetchannels -@all +ping +client|setinfo +client|setname +script|load +evalsha +time +xadd +xread +get +set +incr +exists +del +pexpire +hget +hmget +hset +hdel +hgetall +sadd +srem +smembers +sismember
EOT
mv $users.new $users
# Each volume is mounted where it is for, and nowhere else.
chmod 0444 $password $users
