// A clock that stands still until the test moves it.
#pragma once

#include <modelmesh/core/clock.hpp>

namespace support {

class manual_clock final : public modelmesh::clock {
public:
    modelmesh::time_point now() const noexcept override { return now_; }
    std::chrono::system_clock::time_point wall() const noexcept override { return {}; }
    void advance(modelmesh::duration by) noexcept { now_ += by; }

private:
    modelmesh::time_point now_ = std::chrono::steady_clock::now(); // near real deadlines, which tests mix in
};

} // namespace support
