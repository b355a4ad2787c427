// Where the library reports what happens: a sink that the program passes in.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace modelmesh {

enum class severity : std::uint8_t { debug, info, warning, error, critical };

/// One key and its value. Both views live only during the call.
struct log_field {
    std::string_view key;
    std::string_view value;
};

/// Receives events: a stable name and its fields. Never a key, a credential header, a prompt or a completion.
/// Threads: called from any thread that runs requests; must not block, nor change the client that writes (reload, rotate)
/// or end its last copy.
class log_sink {
public:
    virtual ~log_sink() = default;
    [[nodiscard]] virtual bool wants(severity level) const noexcept = 0;
    virtual void write(severity level, std::string_view event,
                       std::span<const log_field> fields) noexcept = 0;
};

} // namespace modelmesh
