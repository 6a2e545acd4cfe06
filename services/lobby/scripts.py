"""What Valkey does in one step, in Lua: nobody sees a half of it, and no two of them interleave.

Keys, all below `game:`:

    sequence          counts everything that happens; the id of each event, and the order of joining
    events            stream of what the watcher is told, one line or more an entry, ids without gaps
    players           hash, address -> "REPLICA SEQUENCE NAME"; no name is an empty one
    replicas          set of the replicas at work
    alive:REPLICA     there as long as the replica is heard of
    generations       hash, replica -> the number of its latest connection
    round             hash: number and secret of the shared round, its era: this Valkey's memory; and what was
                      found last: "NUMBER NAME", or "NUMBER" where nobody knows the name
    seat, seat_token  the administrator's seat: "REPLICA TOKEN", and the last token
"""

from typing import Final

EVENTS: Final = "game:events"
PLAYERS: Final = "game:players"

ENTRY_OCTETS: Final = 8192
"""How long an entry of the stream may grow, before its last line."""

KEPT_ENTRIES: Final = 8192
"""So far may a watcher lag behind: some seconds of a busy cluster; 64 MiB at most, a quarter of what Valkey
may use."""

_COMMON: Final = f"""
local function happen(line)
  local id = redis.call('INCR', 'game:sequence')
  redis.call('XADD', '{EVENTS}', 'MAXLEN', '~', {KEPT_ENTRIES}, id .. '-1', 'line', line)
  return id
end
local function tell(lines)
  local first, octets = 1, 0
  for i = 1, #lines do
    octets = octets + #lines[i]
    if octets >= {ENTRY_OCTETS} or i == #lines then
      happen(table.concat(lines, '', first, i))
      first, octets = i + 1, 0
    end
  end
end
local function owner(address)
  local value = redis.call('HGET', '{PLAYERS}', address)
  return value and string.match(value, '^%S+')
end
local function leave(address)
  redis.call('HDEL', '{PLAYERS}', address)
  happen('Left ' .. address .. '\\r\\n')
end
local function join(replica, line)
  local address, name = string.match(line, '^Joined (%S+ %S+) ?(%S*)')
  -- An address is somewhere else only if its old replica has not noticed yet that it went.
  if owner(address) then leave(address) end
  redis.call('HSET', '{PLAYERS}', address, replica .. ' ' .. happen(line) .. ' ' .. name)
end
local function players_of(replica)
  local found, all = {{}}, redis.call('HGETALL', '{PLAYERS}')
  for i = 1, #all, 2 do
    if string.match(all[i + 1], '^%S+') == replica then found[all[i]] = true end
  end
  return found
end
local function forget(replica)
  for address in pairs(players_of(replica)) do leave(address) end
  redis.call('SREM', 'game:replicas', replica)
  redis.call('HDEL', 'game:generations', replica)
end
"""

SYNC: Final = (
    _COMMON
    + """
-- A replica has connected, or was taken for dead: what it says is the truth about its players.
-- Returns the time, and the era and number of the round.
local replica, generation, ttl_ms, secret = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known_era, known_round = ARGV[5], tonumber(ARGV[6])
redis.call('SET', 'game:alive:' .. replica, 1, 'PX', ttl_ms)
redis.call('SADD', 'game:replicas', replica)
redis.call('HSET', 'game:generations', replica, generation)
local current = redis.call('HMGET', 'game:round', 'era', 'number')
local era, number = current[1], tonumber(current[2] or 0)
if not era or (era ~= known_era and number <= known_round) then
  -- What was known before is lost. A number that players may still take for theirs is not used again.
  era, number = era or replica .. '-' .. generation, known_round + 1
  redis.call('HSET', 'game:round', 'era', era, 'number', number, 'secret', secret)
  happen('Round ' .. number .. '\\r\\n')
end
local listed, playing = players_of(replica), {}
for i = 7, #ARGV do
  local address = string.match(ARGV[i], '^Joined (%S+ %S+)')
  playing[address] = true
  if not listed[address] then join(replica, ARGV[i]) end
end
for address in pairs(listed) do
  if not playing[address] then leave(address) end
end
return {redis.call('TIME'), era, number}
"""
)

PUBLISH: Final = (
    _COMMON
    + """
-- Events of one replica, in order: kind, address, line or lines. What an earlier connection left behind is
-- void, and so is what comes from a replica that was taken for dead: 0.
local replica, generation = ARGV[1], ARGV[2]
if redis.call('HGET', 'game:generations', replica) ~= generation then return 0 end
for i = 3, #ARGV, 3 do
  local kind, address, line = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if kind == 'join' then
    join(replica, line)
  elseif kind == 'end' then
    if owner(address) == replica then
      redis.call('HDEL', 'game:players', address)
      happen(line)
    end
  else
    happen(line)
  end
end
return 1
"""
)

BEAT: Final = (
    _COMMON
    + """
-- A replica is alive, and looks after those that are not. Returns the time; nothing: it was taken for dead
-- itself.
local replica, ttl_ms = ARGV[1], ARGV[2]
if redis.call('SISMEMBER', 'game:replicas', replica) == 0 then return {} end
redis.call('SET', 'game:alive:' .. replica, 1, 'PX', ttl_ms)
for _, other in ipairs(redis.call('SMEMBERS', 'game:replicas')) do
  if redis.call('EXISTS', 'game:alive:' .. other) == 0 then forget(other) end
end
return redis.call('TIME')
"""
)

RETIRE: Final = (
    _COMMON
    + """
-- A replica stops.
forget(ARGV[1])
redis.call('DEL', 'game:alive:' .. ARGV[1])
return 1
"""
)

GUESSES: Final = (
    _COMMON
    + """
-- Guesses of one replica at the shared number, in order, a line each: address, round, number, how many the
-- player has made, name. They are judged where the number is: who finds it wins the round, at once and once.
-- Returns the round in play before and after, a letter for each guess (Far, Close, Won, Late), and what was
-- found last. Nothing: asked too long ago, when the players have been refused already, or by a replica that
-- was taken for dead.
local deadline_us, replica, generation = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local close_distance, next_secret = tonumber(ARGV[4]), ARGV[5]
local time = redis.call('TIME')
if time[1] * 1000000 + time[2] > deadline_us then return {} end
if redis.call('HGET', 'game:generations', replica) ~= generation then return {} end
local current = redis.call('HMGET', 'game:round', 'number', 'secret', 'found')
if not current[1] then return {} end
local before, after, secret, won = current[1], current[1], tonumber(current[2]), false
local found = current[3] or ''
local letters, lines = {}, {}
for address, round, number, guesses, name in string.gmatch(ARGV[6], '(%S+ %S+) (%S+) (%S+) (%S+) (%S*)\\n') do
  if won or round ~= before then
    letters[#letters + 1] = 'L'
  else
    local distance = math.abs(secret - number)
    local verdict = distance == 0 and 'Correct' or distance <= close_distance and 'Close' or 'Far'
    lines[#lines + 1] = 'Guessed ' .. address .. ' ' .. number .. ' ' .. verdict .. '\\r\\n'
    letters[#letters + 1] = distance == 0 and 'W' or string.sub(verdict, 1, 1)
    if distance == 0 then
      won, after = true, string.format('%.0f', before + 1)
      found = number .. (name ~= '' and ' ' .. name or '')
      redis.call('HSET', 'game:round', 'number', after, 'secret', next_secret, 'found', found)
      if owner(address) == replica then redis.call('HDEL', 'game:players', address) end
      lines[#lines + 1] = 'Won ' .. address .. ' ' .. guesses .. '\\r\\n'
      lines[#lines + 1] = 'Round ' .. after .. '\\r\\n'
    end
  end
end
tell(lines)
return {before, after, table.concat(letters), found}
"""
)

ENTER: Final = """
return redis.call('HGET', 'game:round', 'number')
"""

LIST: Final = f"""
return redis.call('HGETALL', '{PLAYERS}')
"""

TAKE_SEAT: Final = f"""
-- A lease, whose token is higher than that of every holder before.
-- Returns the token, the last event, the round and the players; nothing if the seat is taken.
local replica, ttl_ms = ARGV[1], ARGV[2]
if redis.call('EXISTS', 'game:seat') == 1 then return {{}} end
local token = redis.call('INCR', 'game:seat_token')
redis.call('SET', 'game:seat', replica .. ' ' .. token, 'PX', ttl_ms)
local last = redis.call('GET', 'game:sequence') or '0'
local round = redis.call('HGET', 'game:round', 'number') or '0'
return {{token, last, round, redis.call('HGETALL', '{PLAYERS}')}}
"""

RENEW_SEAT: Final = """
-- Nobody renews a seat that has become another's.
if redis.call('GET', 'game:seat') ~= ARGV[1] .. ' ' .. ARGV[2] then return 0 end
return redis.call('PEXPIRE', 'game:seat', ARGV[3])
"""

LEAVE_SEAT: Final = """
if redis.call('GET', 'game:seat') == ARGV[1] .. ' ' .. ARGV[2] then redis.call('DEL', 'game:seat') end
return 1
"""

ALL: Final = {
    "sync": SYNC,
    "publish": PUBLISH,
    "beat": BEAT,
    "retire": RETIRE,
    "guesses": GUESSES,
    "enter": ENTER,
    "list": LIST,
    "take_seat": TAKE_SEAT,
    "renew_seat": RENEW_SEAT,
    "leave_seat": LEAVE_SEAT,
}
