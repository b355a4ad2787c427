// Where a provider's key comes from, when it is written elsewhere.
#pragma once

#include <modelmesh/core/result.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh {

/// A key that was read.
class resolved_key {
public:
    resolved_key() = default;
    resolved_key(std::string key, std::vector<std::string> made_of = {}) // NOLINT: a text is a key
        : text(std::move(key)), secrets(std::move(made_of)) {}

    std::string text{};
    /// What else is not to be shown: of a key that is a secret and some text around it, the secret.
    std::vector<std::string> secrets{};
};

/// A key that may be another one by now. When the provider refuses it (401, 403), the client reads it again and goes on
/// with what it has become, without a reload.
struct key_source {
    std::string key{}; ///< what it was when it was read
    /// Reads it again. May block: it is called on a thread of its own, by one at a time, not more often than once in
    /// ten seconds. The client's end waits for it for a quarter of a second, and then no more: so it owns what it uses.
    /// When it never returns, it keeps its thread until the process ends, and is not called again. Errors: any, and the
    /// key is what it was; the message has no secret in it.
    std::function<result<resolved_key>()> read{};
};

} // namespace modelmesh
