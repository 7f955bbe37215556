-- Types for editors and for doc/reference.md: a client, without the methods that methods.lua has.
---@meta _

---A client, created by cpp.client. It is closed at the end of the scope of its `<close>` variable, or by the garbage
---collector. `print` shows the URL of its service and the source of its tokens, but no secret.
---@class cpp.Client
---@field core cpp.CoreClient # the client of the C module, for loops
---@field package loop cpp.Loop
local Client = {}

---Ends all running calls with an err of kind "closed", and frees the connections. A second `close` does nothing; any other
---later call raises an error.
---
---Page: <https://curl.se/libcurl/c/curl_multi_cleanup.html>
---
---Errors: none
---
---```lua
---local client = cpp.client { token = os.getenv "AZURE_TOKEN", base_url = os.getenv "CPP_BASE_URL" }
---client:close()
---```
function Client:close() end

---@package
---@param options? cpp.ClientOptions
---@return cpp.Client
function Client.new(options) end
