// The configuration of a client as one value, whatever it was written in.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh {

/// Entries by name, in the order they were written: order decides which model a pool tries first.
template <class T> using named = std::vector<std::pair<std::string, T>>;

/// How a provider's certificate is checked, and which one of ours it is shown. Checking cannot be half on: it
/// is verified in full or not at all.
struct tls_config {
    bool verify{true};     ///< false accepts any certificate; for experiments only
    std::string ca_file{}; ///< PEM file of additional roots
    std::string ca_pem{};  ///< the same as text
    /// PEM file of our certificate and its chain, where the provider asks for one.
    std::string certificate_file{};
    std::string certificate_pem{}; ///< the same as text
    std::string key_file{};        ///< PEM file of its key, not encrypted
    std::string key_pem{};         ///< the same as text; never printed
};

/// Which HTTP a provider is spoken to in.
enum class http_version : unsigned char {
    automatic, ///< HTTP/2 where a server of https:// offers it, else HTTP/1.1
    http1,     ///< HTTP/1.1 only
    http2,     ///< HTTP/2 without asking, also for http:// (prior knowledge)
};

/// One provider: a server, an account on it, and the connector that speaks its format.
struct provider_config {
    std::string connector{}; ///< connector id, for example `openai.llm.v1`
    std::string base_url{};  ///< up to and with the version, for example `https://api.openai.com/v1`
    std::string api_key{};   ///< empty when none is needed; never printed
    /// Vendor's names; empty: the server is asked before the first request.
    std::vector<std::string> models{};
    tls_config tls{};
    /// `http://[user:password@]host:port` of an HTTP proxy (or https://), which alone decides; `none` for no
    /// proxy; empty: HTTPS_PROXY, http_proxy, ALL_PROXY and NO_PROXY decide, as they do for curl. Never
    /// printed.
    std::string proxy{};
    http_version http{http_version::automatic};
    /// Calls, not streams, that may be under way on one HTTP/1.1 connection, each behind the other. More than
    /// 1 (pipelining) also allows that one whose connection is lost is sent, and billed, twice: for servers of
    /// your own.
    unsigned pipeline_depth{1};
};

/// One pool: the models that may answer for a capability. With no providers listed, all of them.
struct pool_config {
    std::string capability{};             ///< any spelling that capability::canonical accepts
    std::vector<std::string> providers{}; ///< provider names; empty means all
    unsigned failure_threshold{3};        ///< failures in a row that take a model out of service
    unsigned cooldown_seconds{60};        ///< how long it stays out
};

struct config {
    named<provider_config> providers{};
    named<pool_config> pools{};
};

} // namespace modelmesh
