-- What the Lua layer knows of a client and must not show: a dump of a client, a result or an err shows no token and
-- no secret.

--- [client] = table, made with the client: options (its own, with its secrets), tokens (those that are kept, by their
-- source), loops (the set of those that have waited for it), releases (the set of what these want called when it is
-- closed), classes (the metatables of what it gives: see cpp.show), failed (of each err of a call that acts: the clock
-- of its loop, and when its last request was sent), secrets (a list, whose one element has options and tokens as they
-- were when the client was closed: each running method holds it, and after the close nothing else does), watch (nil;
-- or a function that the command has called after each attempt), advice (nil; or the command's, if there is no token).
-- The client of a batch's items shares that of the batch's client. Weak keys: it lives as long as the client does.
local clients = setmetatable({}, { __mode = "k" })

-- The module is empty, so a dump of all modules shows nothing.
return setmetatable({}, { __index = clients, __newindex = clients, __metatable = false })
