// A descriptor on its way to whoever will own it.
#pragma once

#include <unistd.h>

#include <utility>

namespace modelmesh::net {

/// Closes unless it is released.
class owned_descriptor {
public:
    explicit owned_descriptor(int fd) noexcept : fd_(fd) {}
    owned_descriptor(const owned_descriptor&) = delete;
    owned_descriptor& operator=(const owned_descriptor&) = delete;
    ~owned_descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

private:
    int fd_;
};

} // namespace modelmesh::net
