#include <modelmesh/core/clock.hpp>

namespace modelmesh {
namespace {

class system_clock_source final : public clock {
public:
    time_point now() const noexcept override { return std::chrono::steady_clock::now(); }
    std::chrono::system_clock::time_point wall() const noexcept override {
        return std::chrono::system_clock::now();
    }
};

} // namespace

const clock& clock::system() noexcept {
    static const system_clock_source instance;
    return instance;
}

} // namespace modelmesh
