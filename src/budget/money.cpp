#include "budget/money.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace modelmesh::budget {
namespace {

fault no_amount(std::string_view text, std::string_view why) {
    return fault(errc::bad_request, "'" + std::string(text.substr(0, 40)) + "' " + std::string(why));
}

} // namespace

result<std::int64_t> scaled(std::string_view decimal, int digits) {
    std::string_view rest = decimal;
    if (rest.starts_with('-')) return no_amount(decimal, "is negative");
    int exponent = 0;
    if (const std::size_t mark = rest.find_first_of("eE"); mark != std::string_view::npos) {
        std::string_view power = rest.substr(mark + 1);
        if (power.starts_with('+')) power.remove_prefix(1);
        const auto [end, failed] = std::from_chars(power.data(), power.data() + power.size(), exponent);
        if (failed != std::errc() || end != power.data() + power.size() || exponent < -400 || exponent > 400)
            return no_amount(decimal, "is no number");
        rest = rest.substr(0, mark);
    }
    const std::size_t point = std::min(rest.find('.'), rest.size());
    // Place of the first digit, counted from the last one that is kept.
    int place = static_cast<int>(point) + exponent + digits;
    std::int64_t value = 0;
    bool has_digit = false;
    bool rounds_up = false;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        if (i == point) continue;
        if (rest[i] < '0' || rest[i] > '9') return no_amount(decimal, "is no number");
        has_digit = true;
        if (--place < 0) {
            if (place == -1) rounds_up = rest[i] >= '5';
            continue;
        }
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, rest[i] - '0', &value))
            return no_amount(decimal, "is too large");
    }
    if (!has_digit) return no_amount(decimal, "is no number");
    for (; place > 0 && value != 0; --place)
        if (__builtin_mul_overflow(value, 10, &value)) return no_amount(decimal, "is too large");
    if (rounds_up && __builtin_add_overflow(value, 1, &value)) return no_amount(decimal, "is too large");
    return value;
}

result<std::int64_t> scaled(double value, int digits) {
    if (!std::isfinite(value)) return no_amount(std::to_string(value), "is no number");
    std::array<char, 32> text{}; // the longest shortest double has 24 characters
    const auto [end, failed] =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
    if (failed != std::errc()) return no_amount(std::to_string(value), "is no number");
    return scaled(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())), digits);
}

std::string dollars(micro_usd amount) {
    std::string cents = std::to_string(amount % 1000000);
    cents.insert(0, static_cast<std::size_t>(micro_digits) - cents.size(), '0');
    while (cents.size() > 2 && cents.back() == '0') cents.pop_back();
    return "$" + std::to_string(amount / 1000000) + "." + cents;
}

} // namespace modelmesh::budget
