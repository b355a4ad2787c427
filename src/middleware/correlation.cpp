#include <modelmesh/middleware/correlation.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace modelmesh {
namespace {

constexpr std::string_view key = "correlation_id";

bool is_visible(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

class correlation final : public middleware {
public:
    explicit correlation(correlation_options options) : options_(std::move(options)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "correlation"; }

    result<void> on_request(request_context& c) override {
        const std::string& id = c.metadata.try_emplace(std::string(key), c.request_id()).first->second;
        // It becomes a header, which a line break would end.
        if (id.empty() || id.size() > 128 || !is_visible(id)) {
            fault f(errc::bad_request, "a correlation id is 1 to 128 visible ASCII characters");
            f.param = key;
            return f;
        }
        return {};
    }

    [[nodiscard]] bool sees_attempts() const noexcept override { return options_.send; }
    result<void> before_attempt(attempt_context& a) override {
        const std::vector<std::string>& told = options_.providers;
        if (!told.empty() && std::find(told.begin(), told.end(), a.provider) == told.end()) return {};
        const auto id = a.call.metadata.find(std::string(key));
        if (id != a.call.metadata.end()) a.headers.set(options_.header, id->second);
        return {};
    }

private:
    correlation_options options_;
};

} // namespace

std::shared_ptr<middleware> make_correlation(correlation_options options) {
    constexpr std::string_view forbidden = "\"(),/:;<=>?@[\\]{}";
    if (options.header.empty() || !is_visible(options.header) ||
        options.header.find_first_of(forbidden) != std::string::npos)
        throw std::invalid_argument("correlation_options::header is no name of a header field");
    return std::make_shared<correlation>(std::move(options));
}

} // namespace modelmesh
