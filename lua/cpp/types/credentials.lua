-- Types for editors and for doc/reference.md: where tokens come from.
---@meta _

---Token functions, as azure-identity has them: each gives one for the option `token`. Called alone, such a function blocks,
---and returns a token and the seconds until it expires, or nil and why there is none. See [tokens](tokens.md).
---@class cpp.credentials
local credentials = {}

---The first of these that has a token: the environment, a workload identity, a managed identity, the Azure command line.
---From then on only this one is used. It is the default of a client without credentials.
---
---```lua
---local client <close> = cpp.client { token = cpp.credentials.default(), base_url = os.getenv "CPP_BASE_URL" }
---print(assert(client:offer_status { publisher = "contoso", offer = "contoso-vm" }).state)
---```
---@return cpp.TokenFunction
function credentials.default() end

---AZURE_TOKEN; or AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE.
---@return cpp.TokenFunction
function credentials.environment() end

---The client AZURE_CLIENT_ID of AZURE_TENANT_ID, by the assertion in the file AZURE_FEDERATED_TOKEN_FILE, which is read
---again for each token.
---@return cpp.TokenFunction
function credentials.workload_identity() end

---The identity of the machine; or its user-assigned identity AZURE_CLIENT_ID. In App Service and Functions the token is
---requested at IDENTITY_ENDPOINT with IDENTITY_HEADER; elsewhere at the instance metadata service, or at
---AZURE_POD_IDENTITY_AUTHORITY_HOST.
---@return cpp.TokenFunction
function credentials.managed_identity() end

---The identity that the Azure command line, `az`, is logged in as. It blocks the process while `az` runs, about a second,
---and for 30 s at most where the system has timeout(1).
---@return cpp.TokenFunction
function credentials.azure_cli() end
