// What one call may set differently from the client's defaults.
#pragma once

#include <modelmesh/core/clock.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>

namespace modelmesh {

/// Options of one call. Has a constructor, so that g++ 12 accepts it in a `co_await` expression.
class call_options {
public:
    call_options() = default;
    [[nodiscard]] static const call_options& none() noexcept;

    /// Longest time for the whole call: all attempts, and under streaming also the chunks. Default: 300 s.
    call_options& timeout(duration limit) {
        timeout_ = limit;
        return *this;
    }
    [[nodiscard]] std::optional<duration> timeout() const noexcept { return timeout_; }

    /// The one provider that is asked, by its name in the configuration: for requests that have ids of objects
    /// which it keeps. Default: calls about such objects (<modelmesh/api/objects.hpp>) ask the first provider,
    /// all others any that the request's model stands for.
    call_options& provider(std::string name) {
        provider_ = std::move(name);
        return *this;
    }
    [[nodiscard]] const std::string& provider() const noexcept { return provider_; }

    /// What the call's session is named by, for pools that keep a session at one model. Default: what the request
    /// says in `user`, `metadata.session_id` or `prompt_cache_key`, the first of them that is there.
    call_options& session(std::string name) {
        session_ = std::move(name);
        return *this;
    }
    [[nodiscard]] const std::string& session() const noexcept { return session_; }

    /// Something that middlewares know the call by (<modelmesh/middleware.hpp>); not sent to anyone. An id of the
    /// program's own for the call is `correlation_id`.
    call_options& metadata(std::string name, std::string value) {
        metadata_.insert_or_assign(std::move(name), std::move(value));
        return *this;
    }
    [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }

private:
    std::optional<duration> timeout_;
    std::string session_;
    std::string provider_;
    std::map<std::string, std::string> metadata_;
};

} // namespace modelmesh
