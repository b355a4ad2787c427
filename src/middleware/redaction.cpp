#include <modelmesh/middleware/redaction.hpp>

#include <modelmesh/core/redactor.hpp>

#include <utility>

namespace modelmesh {
namespace {

class redaction final : public middleware {
public:
    explicit redaction(redaction_options options) {
        for (std::string& each : options.secrets) secrets_.add_secret(std::move(each));
        for (std::string& each : options.names) secrets_.add_name(std::move(each));
    }

    [[nodiscard]] std::string_view name() const noexcept override { return "redaction"; }
    [[nodiscard]] hook_failure on_hook_failure() const noexcept override { return hook_failure::fail_closed; }

    result<void> on_request(request_context& c) override {
        std::string text(c.request().json());
        secrets_.redact(text);
        if (text == c.request().json()) return {};
        return c.change_request(std::move(text));
    }

private:
    redactor secrets_;
};

} // namespace

std::shared_ptr<middleware> make_redaction(redaction_options options) {
    return std::make_shared<redaction>(std::move(options));
}

} // namespace modelmesh
