-- What the Lua layer knows of a client and must not show: a dump of a client, a result or an err shows no token and
-- no secret.

-- [client] = table, see below. Weak keys: it lives as long as the client does.
local clients = setmetatable({}, { __mode = "k" })

--- What is known of a client.
-- @param client a client of cpp.client
-- @param like client or nil: another one, with which it shares everything from now on
-- @return table: options (its own, with its secrets), tokens (those that are kept, by their source), loops (the set of
--   those that have waited for it), releases (the set of what these want called when it is closed), classes (the
--   metatables of what it gives: see cpp.show), failed (of each err of a call that acts: the clock of its loop, and
--   when its last request was sent), secrets (a list, whose one element has options and tokens as they were when the
--   client was closed: each running method holds it, and after the close nothing else does), watch (nil; or a function
--   that the command has called after each attempt)
local function private(client, like)
  local known = clients[client]
  if not known then
    known = like and clients[like] or {
      options = {},
      tokens = setmetatable({}, { __mode = "k" }), -- of token functions, while they are in use
      secrets = {},
      loops = setmetatable({}, { __mode = "k" }),
      releases = {},
      failed = setmetatable({}, { __mode = "k" }),
    }
    clients[client] = known
  end
  return known
end

return private
