-- The private state of a client, outside of its table: a dump of a client, a result or an err shows no token and no
-- secret.

--- [client] = table, made with the client. The client of a batch's items shares the table of the batch's client. Weak
-- keys: it lives as long as the client.
--   options    its options, with secrets
--   tokens     kept tokens, by their source
--   loops      the set of the loops that have waited for it
--   releases   the set of the `release` functions of these loops, called when the client is closed
--   classes    the metatables of its results: see cpp.show
--   failed     [err of a call that acts] = the clock of its loop, and when its last request was sent
--   secrets    a list with one element, the options and tokens at the time of the close. Each running method holds the
--              element; after the close nothing else does
--   watch      nil; or a function of the command, called after each attempt
--   advice     nil; or the command's advice for a call without a token
local clients = setmetatable({}, { __mode = "k" })

-- The module is empty, so a dump of all modules shows nothing.
return setmetatable({}, { __index = clients, __newindex = clients, __metatable = false })
