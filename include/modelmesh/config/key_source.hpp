// Where a provider's key comes from, when it is written elsewhere.
#pragma once

#include <modelmesh/core/result.hpp>

#include <functional>
#include <string>

namespace modelmesh {

/// A key that may be another one by now. When the provider refuses it (401, 403), the client reads it again and goes on
/// with what it has become, without a reload.
struct key_source {
    std::string key{}; ///< what it was when it was read
    /// Reads it again. May block: it is called on a thread of the library, by one at a time, not more often than once in
    /// ten seconds, and the client's end waits for it. Errors: any, and the key is what it was; the message has no
    /// secret in it.
    std::function<result<std::string>()> read{};
};

} // namespace modelmesh
