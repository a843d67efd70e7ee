#!/usr/bin/env luajit
-- upload.lua NAME CERT.pem KEY.pem [ENDPOINT]
--
-- Uploads a certificate and its key to Alibaba Cloud CAS and prints the CertId.
--
-- libcas finds the access key where Alibaba Cloud's own tools do: see docs/credentials.md.
-- Needs LuaJIT, whose FFI takes declarations as they are in cas.h. OpenResty has it as well: a call
-- blocks its worker, so make it in an init_worker timer or a thread.
local ffi = require("ffi")

ffi.cdef[[
typedef struct cas_error cas_error;
typedef struct cas_config cas_config;
typedef struct cas_client cas_client;
typedef struct cas_request cas_request;
typedef struct cas_result cas_result;
typedef int32_t cas_status;

const char *cas_status_name(cas_status status);
cas_status cas_error_status(const cas_error *error);
const char *cas_error_message(const cas_error *error);
const char *cas_error_hint(const cas_error *error);
const char *cas_error_request_id(const cas_error *error);
void cas_error_free(cas_error *error);
cas_config *cas_config_new(void);
cas_status cas_config_set_endpoint(cas_config *config, const char *endpoint);
void cas_config_free(cas_config *config);
cas_status cas_client_new(const cas_config *config, cas_client **out, cas_error **err);
void cas_client_free(cas_client *client);
cas_request *cas_request_new(void);
cas_status cas_request_set_name(cas_request *request, const char *name);
cas_status cas_request_load_cert_file(cas_request *request, const char *path, cas_error **err);
cas_status cas_request_load_key_file(cas_request *request, const char *path, cas_error **err);
void cas_request_free(cas_request *request);
cas_status cas_create_user_certificate(const cas_client *client, const cas_request *request,
                                       cas_result **out, cas_error **err);
int64_t cas_result_cert_id(const cas_result *result);
void cas_result_free(cas_result *result);
]]

-- The name with the number: every libcas.so.0 has these functions with these meanings.
local cas = ffi.load("libcas.so.0")

-- The text of a C string, or nil for NULL.
local function text(string)
    return string ~= nil and ffi.string(string) or nil
end

-- Prints what failed, how to fix it, and what Alibaba Cloud's support asks for.
local function print_error(err)
    io.stderr:write(text(cas.cas_status_name(cas.cas_error_status(err))), ": ",
                    text(cas.cas_error_message(err)), "\n")
    local hint, id = text(cas.cas_error_hint(err)), text(cas.cas_error_request_id(err))
    if hint then io.stderr:write("  What to do: ", hint, "\n") end
    if id then io.stderr:write("  RequestId: ", id, "\n") end
end

if #arg ~= 3 and #arg ~= 4 then
    io.stderr:write("usage: upload.lua NAME CERT.pem KEY.pem [ENDPOINT]\n")
    os.exit(2)
end

-- ffi.gc frees a handle when Lua collects it, also after an error.
local config = ffi.gc(cas.cas_config_new(), cas.cas_config_free)
local request = ffi.gc(cas.cas_request_new(), cas.cas_request_free)
local client, result, err =
    ffi.new("cas_client *[1]"), ffi.new("cas_result *[1]"), ffi.new("cas_error *[1]")

-- What these functions refuse, cas_client_new and the upload report.
if arg[4] then cas.cas_config_set_endpoint(config, arg[4]) end
cas.cas_request_set_name(request, arg[1])
cas.cas_request_load_cert_file(request, arg[2], nil)
cas.cas_request_load_key_file(request, arg[3], nil)

local status = cas.cas_client_new(config, client, err)
if status == 0 then
    status = cas.cas_create_user_certificate(client[0], request, result, err)
end
if status == 0 then
    -- A number of Lua would round IDs above 2^53: print the int64_t, without its suffix LL.
    print("CertId: " .. (tostring(cas.cas_result_cert_id(result[0])):gsub("LL$", "")))
else
    print_error(err[0])
end
-- NULL is allowed everywhere.
cas.cas_error_free(err[0])
cas.cas_result_free(result[0])
cas.cas_client_free(client[0])
os.exit(status == 0 and 0 or 1)
