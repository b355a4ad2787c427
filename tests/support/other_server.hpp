// A server that somebody else wrote, as a process of its own for the length of a test.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace support {

/// A port of 127.0.0.1 on which nobody listened a moment ago.
[[nodiscard]] std::uint16_t free_port();

/// Starts a program and waits until something listens on the port; ends it when destroyed.
/// @throws std::runtime_error  when it does not start.
class other_server {
public:
    other_server(const std::vector<std::string>& command, std::uint16_t port);
    ~other_server();
    other_server(const other_server&) = delete;
    other_server& operator=(const other_server&) = delete;

private:
    void end() noexcept;
    pid_t process_ = -1;
};

} // namespace support
