#include <modelmesh/core/error.hpp>

#include <array>
#include <utility>

namespace modelmesh {
namespace {

struct kind_facts {
    std::string_view name;
    std::string_view text;
    bool retryable;
};

// Indexed by errc.
constexpr std::array<kind_facts, 23> kinds{{
    {"ok", "no error", false},
    {"config", "configuration is wrong", false},
    {"auth", "the provider rejected the credentials", false},
    {"permission", "the credentials do not allow this", false},
    {"not_found", "no such pool, model or resource", false},
    {"bad_request", "the request is wrong", false},
    {"unsupported", "not supported by the chosen provider", false},
    {"context_length", "the request does not fit the model's context window", false},
    {"content_filter", "refused by the provider's content policy", false},
    {"rate_limit", "too many requests", true},
    {"quota", "the account's quota is used up", false},
    {"budget", "a configured budget is used up", false},
    {"timed_out", "a deadline passed", true},
    {"connect", "no connection to the provider", true},
    {"overloaded", "the provider is overloaded", true},
    {"upstream", "the provider failed", true},
    {"protocol", "the provider broke its protocol", true},
    {"canceled", "cancelled by the caller", false},
    {"no_active_model", "every model of the pool is out of service", true},
    {"exhausted", "every candidate failed", false},
    {"session_unavailable", "the session's model is out of service", true},
    {"storage", "state could not be read or written", false},
    {"internal", "internal error", false},
}};

const kind_facts& facts(int value) noexcept {
    const auto index = static_cast<std::size_t>(value);
    return index < kinds.size() ? kinds[index] : kinds.back();
}

class fault_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "modelmesh"; }
    std::string message(int value) const override { return std::string(facts(value).text); }
    // Only these two exist in the standard's own vocabulary with the same meaning.
    std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<errc>(value)) {
        case errc::timed_out:
            return std::make_error_condition(std::errc::timed_out);
        case errc::canceled:
            return std::make_error_condition(std::errc::operation_canceled);
        default:
            return {value, *this};
        }
    }
};

class group_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "modelmesh.condition"; }
    std::string message(int value) const override {
        switch (static_cast<cond>(value)) {
        case cond::retryable:
            return "the same call may succeed later";
        case cond::timeout:
            return "a deadline passed";
        case cond::cancelled:
            return "cancelled by the caller";
        case cond::caller_fault:
            return "the request itself is wrong";
        }
        return "unknown condition";
    }
    bool equivalent(const std::error_code& code, int condition) const noexcept override {
        if (code.category() != category()) return false;
        const auto kind = static_cast<errc>(code.value());
        switch (static_cast<cond>(condition)) {
        case cond::retryable:
            return facts(code.value()).retryable;
        case cond::timeout:
            return kind == errc::timed_out;
        case cond::cancelled:
            return kind == errc::canceled;
        case cond::caller_fault:
            return kind == errc::bad_request || kind == errc::unsupported || kind == errc::context_length;
        }
        return false;
    }
};

std::string describe(const fault& f) {
    std::string text = f.message;
    for (const attempt& a : f.attempts) {
        text += "\n  ";
        text += a.model;
        text += ": ";
        text += to_string(a.kind);
        if (a.http_status != 0) text += " (HTTP " + std::to_string(a.http_status) + ")";
        // What the fault itself says is not said again.
        if (!a.message.empty() && f.message.find(a.message) == std::string::npos) text += ": " + a.message;
    }
    return text;
}

} // namespace

const std::error_category& category() noexcept {
    static const fault_category instance;
    return instance;
}

const std::error_category& condition_category() noexcept {
    static const group_category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept { return {static_cast<int>(code), category()}; }

std::error_condition make_error_condition(cond condition) noexcept {
    return {static_cast<int>(condition), condition_category()};
}

std::string_view to_string(errc code) noexcept { return facts(static_cast<int>(code)).name; }

fault::fault(errc code, std::string text) : message(std::move(text)), kind_(code) {}

std::error_code fault::code() const noexcept { return make_error_code(kind_); }

bool retryable(const fault& f) noexcept { return f.retryable_hint || f.code() == cond::retryable; }

struct error::content {
    fault info;
    std::string text;
};

error::error(fault f) : std::system_error(f.code()) {
    std::string text = describe(f);
    content_ = std::make_shared<const content>(content{std::move(f), std::move(text)});
}

const char* error::what() const noexcept { return content_->text.c_str(); }
const fault& error::info() const noexcept { return content_->info; }

std::error_code make_error_code(const fault& f) noexcept { return f.code(); }

void throw_fault(fault f) { throw error(std::move(f)); }

} // namespace modelmesh
