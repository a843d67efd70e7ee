/**
 * @file cas.hpp
 *
 * The C++ interface of libcas: C++11 and newer, in this header alone. Link with
 * libcas as for C.
 *
 * Overview
 * --------
 *
 * @code
 * #include <iostream>
 * #include <cas.hpp>
 *
 * int main()
 * {
 *     try {
 *         cas::client client;
 *         cas::request request;
 *         request.set_name("example.com-2026");
 *         request.load_cert_file("chain.pem");
 *         request.load_key_file("key.pem");
 *         cas::result result = client.create_user_certificate(request);
 *         std::cout << "uploaded as " << result.cert_identifier() << "\n";
 *     } catch (const cas::error &error) {
 *         std::cerr << error.what() << "\n" << error.hint() << "\n";
 *         return 1;
 *     }
 * }
 * @endcode
 *
 * Rules for every class
 * ---------------------
 *
 * Names: A method has the name of the C function without its prefix, and what
 * cas.h says about that function holds. Constants are those of cas.h.
 *
 * Handles: config, client, request, result, certificate, certificate_list and
 * inspection own a handle of C. They can be moved, not copied. A handle that
 * was moved from is empty: its getters return what C returns for NULL, and
 * calls with it fail with CAS_ERR_INVALID_ARGUMENT. handle() is for calls of C;
 * it stays with the object.
 *
 * Errors: What returns a cas_status in C throws a cas::error. A setter throws at
 * once; cas_client_new or the upload would fail as well until a valid value is
 * set, so catching the exception never lets another value through.
 *
 * Without exceptions: If CAS_NO_EXCEPTIONS is defined before the header, or the
 * compiler has exceptions off, the same methods are noexcept and return a
 * cas_status. What would be returned goes into an argument, and details of the
 * failure into an optional `cas::error *`:
 *
 * @code
 * cas::client client;
 * cas::error error;
 * if (cas::client::create(config, client, &error) != CAS_OK)
 *     std::fputs(error.what(), stderr);
 * @endcode
 *
 * Both kinds of files can be linked into one program, but cannot pass objects
 * to each other.
 *
 * Strings: A method that takes text takes a `const char *` or a std::string;
 * PEM text may also be a std::string_view (C++17) or a pointer and a length. A
 * std::string with a NUL inside is refused where C takes a NUL-terminated
 * string. Strings that are returned are valid as long as the object that they
 * came from. They are empty, not NULL, where C has NULL for "none". libcas
 * wipes its copies of a key, but not the std::string that you pass.
 *
 * Log functions: A log function may throw. libcas finishes its call first. Then
 * the first exception is thrown again, in place of the result or the error of
 * the call, which may have stored a certificate. The client keeps the function
 * alive.
 *
 * Threads: As in C. The const methods of client may be called by any number of
 * threads at the same time.
 */
#ifndef LIBCAS_CAS_HPP
#define LIBCAS_CAS_HPP

#include <cas.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#if __cplusplus >= 201703L
#include <string_view>
#endif

#if !defined(CAS_NO_EXCEPTIONS) && !defined(__cpp_exceptions) && !defined(__EXCEPTIONS)
/** Methods return a status instead of throwing. */
#define CAS_NO_EXCEPTIONS
#endif

#ifdef CAS_NO_EXCEPTIONS
/** What a method returns that has no other result. */
#define CAS_CPP_STATUS cas_status
/** Methods that throw nothing. */
#define CAS_CPP_NOEXCEPT noexcept
#else
#define CAS_CPP_STATUS void
#define CAS_CPP_NOEXCEPT
#endif

/** So that an exception can be caught in another shared library. */
#if defined(__GNUC__)
#define CAS_CPP_VISIBLE __attribute__((__visibility__("default")))
#else
#define CAS_CPP_VISIBLE
#endif

namespace cas {

#ifdef CAS_NO_EXCEPTIONS
inline namespace without_exceptions {
#else
inline namespace with_exceptions {
#endif

/** Returns the version of libcas, such as "0.1.0": cas_version. */
inline const char *version() noexcept
{
    return cas_version();
}

/** Returns the name of a status, such as "CAS_ERR_NETWORK": cas_status_name. */
inline const char *status_name(cas_status status) noexcept
{
    return cas_status_name(status);
}

/** A NUL-terminated argument: from a `const char *` or a std::string. */
class c_string {
public:
    /** NULL is refused by the function that takes it. */
    c_string(const char *text) noexcept : text_(text) {}
    /** A text with a NUL inside is refused by the function that takes it. */
    c_string(const std::string &text) noexcept
        : text_(text.find('\0') == std::string::npos ? text.c_str() : nullptr),
          has_nul_(text_ == nullptr)
    {
    }
    /** The text, or NULL if it has a NUL inside. */
    const char *get() const noexcept { return text_; }
    /** Whether the text has a NUL inside. */
    bool has_nul() const noexcept { return has_nul_; }

private:
    const char *text_;
    bool has_nul_ = false;
};

/** An argument with a length: from text of any type, or a pointer and a length. */
class bytes {
public:
    /** A NUL-terminated text; NULL is refused by the function that takes it. */
    bytes(const char *text) noexcept : data_(text), size_(text == nullptr ? 0 : std::strlen(text))
    {
    }
    /** A text. */
    bytes(const std::string &text) noexcept : data_(text.data()), size_(text.size()) {}
#if __cplusplus >= 201703L
    /** A text. */
    bytes(std::string_view text) noexcept : data_(text.data()), size_(text.size()) {}
#endif
    /** Any data of this length in bytes. */
    bytes(const void *data, std::size_t size) noexcept
        : data_(static_cast<const char *>(data)), size_(size)
    {
    }
    /** The first byte. */
    const char *data() const noexcept { return data_; }
    /** The length in bytes. */
    std::size_t size() const noexcept { return size_; }

private:
    const char *data_;
    std::size_t size_;
};

/**
 * A failure in detail: a copy of a cas_error. Copying it is cheap.
 *
 * Thrown by every function of this header that can fail. A default-constructed
 * one is no failure: its status is CAS_OK.
 */
class CAS_CPP_VISIBLE error : public std::exception {
public:
    error() noexcept = default;

    /** Copies an error of C; NULL for no failure. */
    explicit error(const cas_error *from)
    {
        if (from == nullptr)
            return;
        details_ = std::make_shared<const details>(details{
            cas_error_status(from), text(cas_error_message(from)), text(cas_error_hint(from)),
            text(cas_error_service_code(from)), text(cas_error_service_message(from)),
            text(cas_error_request_id(from)), cas_error_http_status(from), cas_error_attempts(from),
            cas_error_retryable(from)});
    }

    /** A failure that C does not see. */
    error(cas_status status, const char *message)
        : details_(std::make_shared<const details>(
              details{status, message, "", "", "", "", 0, 0, false}))
    {
    }

    /** Whether there is a failure. */
    explicit operator bool() const noexcept { return details_ != nullptr; }
    /** What happened: the same as message. */
    const char *what() const noexcept override { return message(); }
    /** cas_error_status; CAS_OK without a failure. */
    cas_status status() const noexcept { return details_ ? details_->status : CAS_OK; }
    /** cas_error_message */
    const char *message() const noexcept { return get(&details::message); }
    /** cas_error_hint: what to do; empty if there is none. */
    const char *hint() const noexcept { return get(&details::hint); }
    /** cas_error_service_code; empty if there is none. */
    const char *service_code() const noexcept { return get(&details::service_code); }
    /** cas_error_service_message; empty if there is none. */
    const char *service_message() const noexcept { return get(&details::service_message); }
    /** cas_error_request_id; empty if there is none. */
    const char *request_id() const noexcept { return get(&details::request_id); }
    /** cas_error_http_status; 0 if there was no response. */
    std::int32_t http_status() const noexcept { return details_ ? details_->http_status : 0; }
    /** cas_error_attempts */
    std::uint32_t attempts() const noexcept { return details_ ? details_->attempts : 0; }
    /** cas_error_retryable */
    bool retryable() const noexcept { return details_ && details_->retryable; }

private:
    struct details {
        cas_status status;
        std::string message, hint, service_code, service_message, request_id;
        std::int32_t http_status;
        std::uint32_t attempts;
        bool retryable;
    };

    static const char *text(const char *from) noexcept { return from == nullptr ? "" : from; }
    const char *get(std::string details::*member) const noexcept
    {
        return details_ ? ((*details_).*member).c_str() : "";
    }

    // Shared, so that copying an exception cannot throw.
    std::shared_ptr<const details> details_{};
};

/** Receives log messages: the level, a CAS_LOG_ constant, and the message. */
using log_function = std::function<void(cas_log_level level, const char *message)>;

namespace detail {

struct free_handle {
    void operator()(cas_error *handle) const noexcept { cas_error_free(handle); }
    void operator()(cas_config *handle) const noexcept { cas_config_free(handle); }
    void operator()(cas_client *handle) const noexcept { cas_client_free(handle); }
    void operator()(cas_request *handle) const noexcept { cas_request_free(handle); }
    void operator()(cas_result *handle) const noexcept { cas_result_free(handle); }
    void operator()(cas_certificate *handle) const noexcept { cas_certificate_free(handle); }
    void operator()(cas_certificate_list *handle) const noexcept
    {
        cas_certificate_list_free(handle);
    }
    void operator()(cas_inspection *handle) const noexcept { cas_inspection_free(handle); }
};

template <class Handle>
using owned = std::unique_ptr<Handle, free_handle>;

inline const char *text(const char *from) noexcept
{
    return from == nullptr ? "" : from;
}

/** Where a call of C puts a new handle. */
template <class Handle>
class receiver {
public:
    explicit receiver(owned<Handle> &target) noexcept : target_(target) {}
    receiver(const receiver &) = delete;
    receiver &operator=(const receiver &) = delete;
    ~receiver()
    {
        if (made_ != nullptr)
            target_.reset(made_);
    }
    /** C writes it on success only. */
    Handle **get() noexcept { return &made_; }

private:
    owned<Handle> &target_;
    Handle *made_ = nullptr;
};

#ifdef CAS_NO_EXCEPTIONS

inline void log(void *user_data, cas_log_level level, const char *message)
{
    (*static_cast<const log_function *>(user_data))(level, message);
}

/** Makes a call that can fail with a cas_error. */
template <class Call>
cas_status call(cas::error *err, Call function) noexcept
{
    cas_error *failed = nullptr;
    const cas_status status = function(&failed);
    const owned<cas_error> failure(failed);
    if (err != nullptr)
        *err = cas::error(failed);
    return status;
}

#else

/** The call in progress on this thread, for exceptions of log functions. */
class running_call {
public:
    running_call() noexcept : outer_(innermost()) { innermost() = this; }
    ~running_call() { innermost() = outer_; }
    running_call(const running_call &) = delete;
    running_call &operator=(const running_call &) = delete;

    /** Throws what a log function has thrown. */
    void rethrow() const
    {
        if (thrown_)
            std::rethrow_exception(thrown_);
    }

    /** Keeps the exception in flight, unless there was one before it. */
    static void keep() noexcept
    {
        running_call *running = innermost();
        if (running != nullptr && !running->thrown_)
            running->thrown_ = std::current_exception();
    }

private:
    static running_call *&innermost() noexcept
    {
        static thread_local running_call *running = nullptr;
        return running;
    }

    running_call *outer_;
    std::exception_ptr thrown_{};
};

inline void log(void *user_data, cas_log_level level, const char *message) noexcept
{
    try {
        (*static_cast<const log_function *>(user_data))(level, message);
    } catch (...) {
        running_call::keep();
    }
}

/** Makes a call that can fail with a cas_error. */
template <class Call>
void call(Call function)
{
    cas_error *failed = nullptr;
    running_call running;
    const cas_status status = function(&failed);
    const owned<cas_error> failure(failed);
    running.rethrow();
    if (status != CAS_OK)
        throw cas::error(failed);
}

#endif

/** Walks over what `Owner::operator[]` returns, by index. */
template <class Owner>
class iterator {
public:
    using value_type = decltype(std::declval<const Owner &>()[0]);
    using reference = value_type;
    using pointer = const value_type *;
    using difference_type = std::ptrdiff_t;
    // It returns values, which only C++20 allows for more.
    using iterator_category = std::input_iterator_tag;

    iterator(const Owner &owner, std::size_t index) noexcept : owner_(&owner), index_(index) {}
    value_type operator*() const noexcept { return (*owner_)[index_]; }
    iterator &operator++() noexcept
    {
        ++index_;
        return *this;
    }
    iterator operator++(int) noexcept
    {
        iterator before = *this;
        ++index_;
        return before;
    }
    friend bool operator==(const iterator &a, const iterator &b) noexcept
    {
        return a.index_ == b.index_;
    }
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

private:
    const Owner *owner_;
    std::size_t index_;
};

/** Whether one of the arguments is a text with a NUL inside. */
inline bool any_nul() noexcept
{
    return false;
}
template <class First, class... Rest>
bool any_nul(const First &, const Rest &...rest) noexcept;
template <class... Rest>
bool any_nul(const c_string &first, const Rest &...rest) noexcept
{
    return first.has_nul() || any_nul(rest...);
}
template <class First, class... Rest>
bool any_nul(const First &, const Rest &...rest) noexcept
{
    return any_nul(rest...);
}

/** An argument as C takes it. */
inline const char *plain(const c_string &text) noexcept
{
    return text.get();
}
template <class Value>
Value plain(Value value) noexcept
{
    return value;
}

/** What config and request share: setters that remember a refused value. */
template <class Handle, Handle *(*create)(), const cas_error *(*refused)(const Handle *)>
class options {
public:
    /** The first value that a setter or loader refused, unless it is valid by now. */
    cas::error error() const { return cas::error(refused(handle_.get())); }
    /** The handle of C, which stays with this object. */
    Handle *handle() const noexcept { return handle_.get(); }

protected:
    options() noexcept : handle_(create()) {}

    /** Calls a setter. */
    template <class... Params, class... Args>
    CAS_CPP_STATUS set(cas_status (*setter)(Handle *, Params...),
                       const Args &...args) CAS_CPP_NOEXCEPT
    {
#ifdef CAS_NO_EXCEPTIONS
        return setter(handle_.get(), plain(args)...);
#else
        const bool has_refused = refused(handle_.get()) != nullptr;
        const cas_status status = setter(handle_.get(), plain(args)...);
        if (status == CAS_OK)
            return;
        if (any_nul(args...))
            throw cas::error(status, "A text has a NUL character inside.");
        if (!handle_)
            throw cas::error(status, "The object was moved from.");
        if (!has_refused)
            throw error();
        // error() is about an earlier value, so the reason comes from a handle of its own.
        const owned<Handle> fresh(create());
        setter(fresh.get(), plain(args)...);
        throw cas::error(refused(fresh.get()));
#endif
    }

private:
    owned<Handle> handle_;
};

} // namespace detail

/**
 * The options of a client: cas_config.
 *
 * Without exceptions, each setter returns a cas_status.
 */
class config : public detail::options<cas_config, cas_config_new, cas_config_error> {
public:
    /** Every option has its default. */
    config() noexcept = default;

    /** cas_config_set_access_key */
    CAS_CPP_STATUS set_access_key(c_string id, c_string secret) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_access_key, id, secret);
    }
    /** cas_config_set_security_token */
    CAS_CPP_STATUS set_security_token(c_string token) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_security_token, token);
    }
    /** cas_config_set_profile */
    CAS_CPP_STATUS set_profile(c_string name) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_profile, name);
    }
    /** cas_config_set_region */
    CAS_CPP_STATUS set_region(c_string region) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_region, region);
    }
    /** cas_config_set_vpc */
    CAS_CPP_STATUS set_vpc(bool vpc) CAS_CPP_NOEXCEPT { return set(cas_config_set_vpc, vpc); }
    /** cas_config_set_endpoint */
    CAS_CPP_STATUS set_endpoint(c_string endpoint) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_endpoint, endpoint);
    }
    /** cas_config_set_allow_plaintext */
    CAS_CPP_STATUS set_allow_plaintext(bool allow) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_allow_plaintext, allow);
    }
    /** cas_config_set_ca_file */
    CAS_CPP_STATUS set_ca_file(c_string path) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_ca_file, path);
    }
    /** cas_config_set_ca_pem */
    CAS_CPP_STATUS set_ca_pem(bytes pem) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_ca_pem, pem.data(), pem.size());
    }
    /** cas_config_set_ca_pem */
    CAS_CPP_STATUS set_ca_pem(const char *pem, std::size_t len) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_ca_pem, pem, len);
    }
    /** cas_config_set_proxy */
    CAS_CPP_STATUS set_proxy(c_string url) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_proxy, url);
    }
    /** cas_config_set_trust_environment */
    CAS_CPP_STATUS set_trust_environment(bool trust) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_trust_environment, trust);
    }
    /** cas_config_set_connect_timeout_ms */
    CAS_CPP_STATUS set_connect_timeout_ms(std::uint32_t ms) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_connect_timeout_ms, ms);
    }
    /** cas_config_set_timeout_ms */
    CAS_CPP_STATUS set_timeout_ms(std::uint32_t ms) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_timeout_ms, ms);
    }
    /** cas_config_set_max_attempts */
    CAS_CPP_STATUS set_max_attempts(std::uint32_t attempts) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_max_attempts, attempts);
    }
    /** cas_config_set_rate_limit */
    CAS_CPP_STATUS set_rate_limit(std::uint32_t per_second) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_rate_limit, per_second);
    }
    /** cas_config_set_api */
    CAS_CPP_STATUS set_api(cas_api api) CAS_CPP_NOEXCEPT { return set(cas_config_set_api, api); }
    /** cas_config_set_signature */
    CAS_CPP_STATUS set_signature(cas_signature signature) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_signature, signature);
    }
    /** cas_config_set_user_agent */
    CAS_CPP_STATUS set_user_agent(c_string product) CAS_CPP_NOEXCEPT
    {
        return set(cas_config_set_user_agent, product);
    }

    /**
     * cas_config_set_log. Clients of this configuration keep the function alive. Several threads
     * may call it at once. An empty function turns logging off.
     */
    CAS_CPP_STATUS set_log(log_function log, cas_log_level max) CAS_CPP_NOEXCEPT
    {
        std::shared_ptr<log_function> shared;
        if (log)
            shared = std::make_shared<log_function>(std::move(log));
        const cas_log_fn function = shared ? detail::log : nullptr;
        void *const user_data = shared.get();
#ifdef CAS_NO_EXCEPTIONS
        const cas_status status = set(cas_config_set_log, function, user_data, max);
        if (status == CAS_OK)
            log_ = std::move(shared);
        return status;
#else
        set(cas_config_set_log, function, user_data, max);
        log_ = std::move(shared);
#endif
    }

private:
    friend class client;
    std::shared_ptr<log_function> log_{};
};

/**
 * A certificate to upload, with its chain, key and options: cas_request.
 *
 * Without exceptions, each setter and loader returns a cas_status.
 */
class request : public detail::options<cas_request, cas_request_new, cas_request_error> {
public:
    /** Nothing is set. */
    request() noexcept = default;

    /** cas_request_set_name */
    CAS_CPP_STATUS set_name(c_string name) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_name, name);
    }
    /** cas_request_set_cert_pem */
    CAS_CPP_STATUS set_cert_pem(bytes pem) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_cert_pem, pem.data(), pem.size());
    }
    /** cas_request_set_cert_pem */
    CAS_CPP_STATUS set_cert_pem(const char *pem, std::size_t len) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_cert_pem, pem, len);
    }
    /** cas_request_set_key_pem */
    CAS_CPP_STATUS set_key_pem(bytes pem) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_key_pem, pem.data(), pem.size());
    }
    /** cas_request_set_key_pem */
    CAS_CPP_STATUS set_key_pem(const char *pem, std::size_t len) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_key_pem, pem, len);
    }
    /** cas_request_load_cert_file */
    CAS_CPP_STATUS load_cert_file(c_string path) CAS_CPP_NOEXCEPT
    {
        return set(load_cert_file_of, path);
    }
    /** cas_request_load_key_file */
    CAS_CPP_STATUS load_key_file(c_string path) CAS_CPP_NOEXCEPT
    {
        return set(load_key_file_of, path);
    }
    /** cas_request_set_pkcs12 */
    CAS_CPP_STATUS set_pkcs12(bytes data, c_string password) CAS_CPP_NOEXCEPT
    {
        return set_pkcs12(data.data(), data.size(), password);
    }
    /** cas_request_set_pkcs12 */
    CAS_CPP_STATUS set_pkcs12(const void *data, std::size_t len, c_string password) CAS_CPP_NOEXCEPT
    {
        // Without a password, a file without one could be opened instead.
        return set(cas_request_set_pkcs12, password.has_nul() ? nullptr : data, len, password);
    }
    /** cas_request_load_pkcs12_file */
    CAS_CPP_STATUS load_pkcs12_file(c_string path, c_string password) CAS_CPP_NOEXCEPT
    {
        return set(load_pkcs12_file_of, password.has_nul() ? c_string(nullptr) : path, password);
    }
    /** cas_request_set_sm2_encryption */
    CAS_CPP_STATUS set_sm2_encryption(bytes cert, bytes key) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_sm2_encryption, cert.data(), cert.size(), key.data(),
                   key.size());
    }
    /** cas_request_set_sm2_encryption */
    CAS_CPP_STATUS set_sm2_encryption(const char *cert, std::size_t cert_len, const char *key,
                                      std::size_t key_len) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_sm2_encryption, cert, cert_len, key, key_len);
    }
    /** cas_request_set_lang */
    CAS_CPP_STATUS set_lang(c_string lang) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_lang, lang);
    }
    /** cas_request_set_source_ip */
    CAS_CPP_STATUS set_source_ip(c_string ip) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_source_ip, ip);
    }
    /** cas_request_set_on_conflict */
    CAS_CPP_STATUS set_on_conflict(cas_on_conflict on_conflict) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_on_conflict, on_conflict);
    }
    /** cas_request_set_reuse_any_name */
    CAS_CPP_STATUS set_reuse_any_name(bool reuse) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_reuse_any_name, reuse);
    }
    /** cas_request_set_skip_checks */
    CAS_CPP_STATUS set_skip_checks(bool skip) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_skip_checks, skip);
    }
    /** cas_request_allow_finding */
    CAS_CPP_STATUS allow_finding(c_string id) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_allow_finding, id);
    }
    /** cas_request_set_timeout_ms */
    CAS_CPP_STATUS set_timeout_ms(std::uint32_t ms) CAS_CPP_NOEXCEPT
    {
        return set(cas_request_set_timeout_ms, ms);
    }

private:
    // The request remembers why a loader failed, as it does for a setter.
    static cas_status load_cert_file_of(cas_request *request, const char *path)
    {
        return cas_request_load_cert_file(request, path, nullptr);
    }
    static cas_status load_key_file_of(cas_request *request, const char *path)
    {
        return cas_request_load_key_file(request, path, nullptr);
    }
    static cas_status load_pkcs12_file_of(cas_request *request, const char *path,
                                          const char *password)
    {
        return cas_request_load_pkcs12_file(request, path, password, nullptr);
    }
};

/** The result of an upload: cas_result. */
class result {
public:
    /** Takes over a handle of C. */
    explicit result(cas_result *handle = nullptr) noexcept : handle_(handle) {}
    /** cas_result_cert_id */
    std::int64_t cert_id() const noexcept { return cas_result_cert_id(handle()); }
    /** cas_result_name */
    const char *name() const noexcept { return detail::text(cas_result_name(handle())); }
    /** cas_result_cert_identifier */
    const char *cert_identifier() const noexcept
    {
        return detail::text(cas_result_cert_identifier(handle()));
    }
    /** cas_result_request_id; empty if there is none. */
    const char *request_id() const noexcept
    {
        return detail::text(cas_result_request_id(handle()));
    }
    /** cas_result_outcome */
    cas_outcome outcome() const noexcept { return cas_result_outcome(handle()); }
    /** cas_result_api */
    cas_api api() const noexcept { return cas_result_api(handle()); }
    /** cas_result_attempts */
    std::uint32_t attempts() const noexcept { return cas_result_attempts(handle()); }
    /** The handle of C, which stays with this object. */
    const cas_result *handle() const noexcept { return handle_.get(); }

private:
    friend class client;
    detail::owned<cas_result> handle_;
};

/** A stored certificate that belongs to another object, such as a list: cas_certificate. */
class certificate_ref {
public:
    /** Refers to a certificate of C. */
    explicit certificate_ref(const cas_certificate *handle) noexcept : handle_(handle) {}
    /** cas_certificate_id */
    std::int64_t id() const noexcept { return cas_certificate_id(handle_); }
    /** cas_certificate_name */
    const char *name() const noexcept { return detail::text(cas_certificate_name(handle_)); }
    /** cas_certificate_common_name */
    const char *common_name() const noexcept
    {
        return detail::text(cas_certificate_common_name(handle_));
    }
    /** cas_certificate_sans */
    const char *sans() const noexcept { return detail::text(cas_certificate_sans(handle_)); }
    /** cas_certificate_issuer */
    const char *issuer() const noexcept { return detail::text(cas_certificate_issuer(handle_)); }
    /** cas_certificate_fingerprint */
    const char *fingerprint() const noexcept
    {
        return detail::text(cas_certificate_fingerprint(handle_));
    }
    /** cas_certificate_not_before */
    const char *not_before() const noexcept
    {
        return detail::text(cas_certificate_not_before(handle_));
    }
    /** cas_certificate_not_after */
    const char *not_after() const noexcept
    {
        return detail::text(cas_certificate_not_after(handle_));
    }
    /** cas_certificate_expired */
    bool expired() const noexcept { return cas_certificate_expired(handle_); }
    /** The handle of C. */
    const cas_certificate *handle() const noexcept { return handle_; }

private:
    const cas_certificate *handle_;
};

/** A stored certificate: cas_certificate. */
class certificate {
public:
    /** Takes over a handle of C. */
    explicit certificate(cas_certificate *handle = nullptr) noexcept : handle_(handle) {}
    /** Refers to this certificate, as long as it lives. */
    certificate_ref ref() const noexcept { return certificate_ref(handle()); }
    /** cas_certificate_id */
    std::int64_t id() const noexcept { return ref().id(); }
    /** cas_certificate_name */
    const char *name() const noexcept { return ref().name(); }
    /** cas_certificate_common_name */
    const char *common_name() const noexcept { return ref().common_name(); }
    /** cas_certificate_sans */
    const char *sans() const noexcept { return ref().sans(); }
    /** cas_certificate_issuer */
    const char *issuer() const noexcept { return ref().issuer(); }
    /** cas_certificate_fingerprint */
    const char *fingerprint() const noexcept { return ref().fingerprint(); }
    /** cas_certificate_not_before */
    const char *not_before() const noexcept { return ref().not_before(); }
    /** cas_certificate_not_after */
    const char *not_after() const noexcept { return ref().not_after(); }
    /** cas_certificate_expired */
    bool expired() const noexcept { return ref().expired(); }
    /** The handle of C, which stays with this object. */
    const cas_certificate *handle() const noexcept { return handle_.get(); }

private:
    friend class client;
    detail::owned<cas_certificate> handle_;
};

/**
 * A snapshot of the certificates of an account: cas_certificate_list.
 *
 * `for (cas::certificate_ref certificate : list)` walks over it.
 */
class certificate_list {
public:
    /** Takes over a handle of C. */
    explicit certificate_list(cas_certificate_list *handle = nullptr) noexcept : handle_(handle) {}
    /** cas_certificate_list_len */
    std::size_t len() const noexcept { return cas_certificate_list_len(handle()); }
    /** The same as len. */
    std::size_t size() const noexcept { return len(); }
    /** Whether there are no certificates. */
    bool empty() const noexcept { return len() == 0; }
    /** cas_certificate_list_get: past the end, a certificate without anything. */
    certificate_ref get(std::size_t index) const noexcept
    {
        return certificate_ref(cas_certificate_list_get(handle(), index));
    }
    /** The same as get. */
    certificate_ref operator[](std::size_t index) const noexcept { return get(index); }
    /** The first certificate. */
    detail::iterator<certificate_list> begin() const noexcept { return {*this, 0}; }
    /** Past the last certificate. */
    detail::iterator<certificate_list> end() const noexcept { return {*this, len()}; }
    /** The handle of C, which stays with this object. */
    const cas_certificate_list *handle() const noexcept { return handle_.get(); }

private:
    friend class client;
    detail::owned<cas_certificate_list> handle_;
};

/** A finding of an inspection, which it belongs to. */
class finding {
public:
    /** cas_inspection_finding: identifier and sentence. */
    const char *text() const noexcept
    {
        return detail::text(cas_inspection_finding(inspection_, index_));
    }
    /** cas_inspection_finding_id */
    const char *id() const noexcept
    {
        return detail::text(cas_inspection_finding_id(inspection_, index_));
    }
    /** cas_inspection_hint */
    const char *hint() const noexcept
    {
        return detail::text(cas_inspection_hint(inspection_, index_));
    }
    /** cas_inspection_severity */
    cas_severity severity() const noexcept { return cas_inspection_severity(inspection_, index_); }

private:
    friend class finding_list;
    finding(const cas_inspection *inspection, std::size_t index) noexcept
        : inspection_(inspection), index_(index)
    {
    }

    const cas_inspection *inspection_;
    std::size_t index_;
};

/** The findings of an inspection, which they belong to. */
class finding_list {
public:
    /** cas_inspection_finding_count */
    std::size_t size() const noexcept { return cas_inspection_finding_count(inspection_); }
    /** Whether there are no findings. */
    bool empty() const noexcept { return size() == 0; }
    /** The finding at this index, from 0. */
    finding operator[](std::size_t index) const noexcept { return finding(inspection_, index); }
    /** The first finding: the most severe. */
    detail::iterator<finding_list> begin() const noexcept { return {*this, 0}; }
    /** Past the last finding. */
    detail::iterator<finding_list> end() const noexcept { return {*this, size()}; }

private:
    friend class inspection;
    explicit finding_list(const cas_inspection *inspection) noexcept : inspection_(inspection) {}

    const cas_inspection *inspection_;
};

/** The names that an inspected leaf is valid for, which belong to the inspection. */
class san_list {
public:
    /** cas_inspection_san_count */
    std::size_t size() const noexcept { return cas_inspection_san_count(inspection_); }
    /** Whether there are no names. */
    bool empty() const noexcept { return size() == 0; }
    /** cas_inspection_san */
    const char *operator[](std::size_t index) const noexcept
    {
        return detail::text(cas_inspection_san(inspection_, index));
    }
    /** The first name. */
    detail::iterator<san_list> begin() const noexcept { return {*this, 0}; }
    /** Past the last name. */
    detail::iterator<san_list> end() const noexcept { return {*this, size()}; }

private:
    friend class inspection;
    explicit san_list(const cas_inspection *inspection) noexcept : inspection_(inspection) {}

    const cas_inspection *inspection_;
};

/** What libcas reads from a certificate, its chain and its key: cas_inspection. */
class inspection {
public:
    /** Takes over a handle of C. */
    explicit inspection(cas_inspection *handle = nullptr) noexcept : handle_(handle) {}
    /** cas_inspection_common_name */
    const char *common_name() const noexcept { return text(cas_inspection_common_name); }
    /** cas_inspection_sans: with commas between them. */
    const char *sans() const noexcept { return text(cas_inspection_sans); }
    /** cas_inspection_san_count */
    std::size_t san_count() const noexcept { return cas_inspection_san_count(handle()); }
    /** cas_inspection_san; empty past the end. */
    const char *san(std::size_t index) const noexcept
    {
        return detail::text(cas_inspection_san(handle(), index));
    }
    /** The names one by one: `for (const char *name : inspection.san_list())`. */
    cas::san_list san_list() const & noexcept { return cas::san_list(handle()); }
    cas::san_list san_list() const && = delete;
    /** cas_inspection_issuer */
    const char *issuer() const noexcept { return text(cas_inspection_issuer); }
    /** cas_inspection_serial */
    const char *serial() const noexcept { return text(cas_inspection_serial); }
    /** cas_inspection_not_before */
    const char *not_before() const noexcept { return text(cas_inspection_not_before); }
    /** cas_inspection_not_after */
    const char *not_after() const noexcept { return text(cas_inspection_not_after); }
    /** cas_inspection_sha1 */
    const char *sha1() const noexcept { return text(cas_inspection_sha1); }
    /** cas_inspection_sha256 */
    const char *sha256() const noexcept { return text(cas_inspection_sha256); }
    /** cas_inspection_key_type */
    const char *key_type() const noexcept { return text(cas_inspection_key_type); }
    /** cas_inspection_chain_len */
    std::size_t chain_len() const noexcept { return cas_inspection_chain_len(handle()); }
    /** cas_inspection_cert_pem */
    const char *cert_pem() const noexcept { return text(cas_inspection_cert_pem); }
    /** The findings: `for (cas::finding finding : inspection.findings())`. */
    finding_list findings() const & noexcept { return finding_list(handle()); }
    finding_list findings() const && = delete;
    /** The handle of C, which stays with this object. */
    const cas_inspection *handle() const noexcept { return handle_.get(); }

private:
    const char *text(const char *(*getter)(const cas_inspection *)) const noexcept
    {
        return detail::text(getter(handle()));
    }

    detail::owned<cas_inspection> handle_;
};

/**
 * A client of one endpoint: cas_client.
 *
 * Any number of threads may call its const methods at the same time.
 */
class client {
public:
    /** Leaves the other client empty. */
    client(client &&) noexcept = default;
    /** By value, so that the old handle is freed before the log function of its own. */
    client &operator=(client other) noexcept
    {
        log_.swap(other.log_);
        handle_.swap(other.handle_);
        return *this;
    }

#ifdef CAS_NO_EXCEPTIONS

    /** An empty client; see create. */
    client() noexcept = default;

    /** cas_client_new with every default. */
    CAS_WARN_UNUSED_RESULT
    static cas_status create(client &out, cas::error *err = nullptr) noexcept
    {
        return out.open(nullptr, nullptr, err);
    }
    /** cas_client_new */
    CAS_WARN_UNUSED_RESULT
    static cas_status create(const config &options, client &out, cas::error *err = nullptr) noexcept
    {
        return out.open(options.handle(), options.log_, err);
    }
    /** cas_upload_certificate: gives the ID of the certificate. */
    CAS_WARN_UNUSED_RESULT
    cas_status upload_certificate(c_string name, c_string cert_pem, c_string key_pem,
                                  std::int64_t &out, cas::error *err = nullptr) const noexcept
    {
        return detail::call(err, [&](cas_error **failed) {
            return cas_upload_certificate(handle(), name.get(), cert_pem.get(), key_pem.get(), &out,
                                          failed);
        });
    }
    /** cas_create_user_certificate */
    CAS_WARN_UNUSED_RESULT
    cas_status create_user_certificate(const request &upload, result &out,
                                       cas::error *err = nullptr) const noexcept
    {
        return detail::call(err, [&](cas_error **failed) {
            return cas_create_user_certificate(
                handle(), upload.handle(), detail::receiver<cas_result>(out.handle_).get(), failed);
        });
    }
    /** cas_get_certificate */
    CAS_WARN_UNUSED_RESULT
    cas_status get_certificate(std::int64_t cert_id, certificate &out,
                               cas::error *err = nullptr) const noexcept
    {
        return detail::call(err, [&](cas_error **failed) {
            return cas_get_certificate(
                handle(), cert_id, detail::receiver<cas_certificate>(out.handle_).get(), failed);
        });
    }
    /** cas_list_certificates */
    CAS_WARN_UNUSED_RESULT
    cas_status list_certificates(certificate_list &out, cas::error *err = nullptr) const noexcept
    {
        return detail::call(err, [&](cas_error **failed) {
            return cas_list_certificates(
                handle(), detail::receiver<cas_certificate_list>(out.handle_).get(), failed);
        });
    }
    /** cas_delete_certificate */
    CAS_WARN_UNUSED_RESULT
    cas_status delete_certificate(std::int64_t cert_id, cas::error *err = nullptr) const noexcept
    {
        return detail::call(err, [&](cas_error **failed) {
            return cas_delete_certificate(handle(), cert_id, failed);
        });
    }

#else

    /** cas_client_new with every default. */
    client() { open(nullptr); }
    /** cas_client_new */
    explicit client(const config &options) : log_(options.log_) { open(options.handle()); }
    /** cas_upload_certificate: gives the ID of the certificate. */
    std::int64_t upload_certificate(c_string name, c_string cert_pem, c_string key_pem) const
    {
        std::int64_t out = 0;
        detail::call([&](cas_error **failed) {
            return cas_upload_certificate(handle(), name.get(), cert_pem.get(), key_pem.get(), &out,
                                          failed);
        });
        return out;
    }
    /** cas_create_user_certificate */
    result create_user_certificate(const request &upload) const
    {
        result out;
        detail::call([&](cas_error **failed) {
            return cas_create_user_certificate(
                handle(), upload.handle(), detail::receiver<cas_result>(out.handle_).get(), failed);
        });
        return out;
    }
    /** cas_get_certificate */
    certificate get_certificate(std::int64_t cert_id) const
    {
        certificate out;
        detail::call([&](cas_error **failed) {
            return cas_get_certificate(
                handle(), cert_id, detail::receiver<cas_certificate>(out.handle_).get(), failed);
        });
        return out;
    }
    /** cas_list_certificates */
    certificate_list list_certificates() const
    {
        certificate_list out;
        detail::call([&](cas_error **failed) {
            return cas_list_certificates(
                handle(), detail::receiver<cas_certificate_list>(out.handle_).get(), failed);
        });
        return out;
    }
    /** cas_delete_certificate */
    void delete_certificate(std::int64_t cert_id) const
    {
        detail::call(
            [&](cas_error **failed) { return cas_delete_certificate(handle(), cert_id, failed); });
    }

#endif

    /** cas_client_cancel: ends all calls in progress, from any thread or a signal handler. */
    cas_status cancel() const noexcept { return cas_client_cancel(handle()); }
    /** The handle of C, which stays with this object. Log functions must not throw in its calls. */
    cas_client *handle() const noexcept { return handle_.get(); }

private:
#ifdef CAS_NO_EXCEPTIONS
    cas_status open(const cas_config *options, std::shared_ptr<log_function> log,
                    cas::error *err) noexcept
    {
        client made;
        made.log_ = std::move(log);
        const cas_status status = detail::call(err, [&](cas_error **failed) {
            return cas_client_new(options, detail::receiver<cas_client>(made.handle_).get(),
                                  failed);
        });
        if (status == CAS_OK)
            *this = std::move(made);
        return status;
    }
#else
    void open(const cas_config *options)
    {
        detail::call([&](cas_error **failed) {
            return cas_client_new(options, detail::receiver<cas_client>(handle_).get(), failed);
        });
    }
#endif

    // Before the handle, so that it outlives it.
    std::shared_ptr<log_function> log_{};
    detail::owned<cas_client> handle_{};
};

/**
 * cas_inspect: reads a certificate with its chain and its key. Without a key, what depends on it is
 * not found.
 */
#ifdef CAS_NO_EXCEPTIONS
CAS_WARN_UNUSED_RESULT
inline cas_status inspect(bytes cert, bytes key, inspection &out, error *err = nullptr) noexcept
{
    detail::owned<cas_inspection> read;
    const cas_status status = detail::call(err, [&](cas_error **failed) {
        return cas_inspect(cert.data(), cert.size(), key.data(), key.size(),
                           detail::receiver<cas_inspection>(read).get(), failed);
    });
    if (status == CAS_OK)
        out = inspection(read.release());
    return status;
}
#else
inline inspection inspect(bytes cert, bytes key = nullptr)
{
    detail::owned<cas_inspection> read;
    detail::call([&](cas_error **failed) {
        return cas_inspect(cert.data(), cert.size(), key.data(), key.size(),
                           detail::receiver<cas_inspection>(read).get(), failed);
    });
    return inspection(read.release());
}
#endif

} // inline namespace

} // namespace cas

#undef CAS_CPP_VISIBLE
#undef CAS_CPP_STATUS
#undef CAS_CPP_NOEXCEPT

#endif
