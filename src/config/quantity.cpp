#include "config/quantity.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <string>

namespace modelmesh::settings {
namespace {

struct unit {
    std::string_view name;
    std::int64_t size;
};

// From the largest down: the order within a compound.
constexpr unit durations[] = {{"w", 604'800'000'000'000},
                              {"d", 86'400'000'000'000},
                              {"h", 3'600'000'000'000},
                              {"m", 60'000'000'000},
                              {"s", 1'000'000'000},
                              {"ms", 1'000'000},
                              {"us", 1'000}};
constexpr unit sizes[] = {{"GiB", 1 << 30}, {"GB", 1'000'000'000}, {"MiB", 1 << 20}, {"MB", 1'000'000},
                          {"KiB", 1 << 10}, {"KB", 1'000},         {"B", 1}};

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}
bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
    std::size_t size = 0;
    while (size < text.size() && is_digit(text[size])) ++size;
    const std::string_view digits = text.substr(0, size);
    text.remove_prefix(size);
    return digits;
}

/// A number without a sign: all digits of it, exactly, in units of `size`; nothing when it does not fit.
std::optional<std::int64_t> scaled(std::string_view whole, std::string_view fraction, std::int64_t size) {
    std::int64_t units = 0;
    if (!whole.empty() && std::from_chars(whole.data(), whole.data() + whole.size(), units).ec != std::errc{})
        return std::nullopt;
    std::int64_t value = 0;
    if (__builtin_mul_overflow(units, size, &value)) return std::nullopt;
    long double part = 0;
    for (auto digit = fraction.rbegin(); digit != fraction.rend(); ++digit)
        part = (part + (*digit - '0')) / 10;
    const auto rest = static_cast<std::int64_t>(std::llround(part * static_cast<long double>(size)));
    if (__builtin_add_overflow(value, rest, &value)) return std::nullopt;
    return value;
}

/// A sum of numbers with units, each unit smaller than the one before.
/// @param bare  what a number without a unit counts, as the only one.
std::optional<std::int64_t> parse_sum(std::string_view text, std::span<const unit> units, std::int64_t bare) {
    text = trimmed(text);
    std::int64_t sum = 0;
    std::size_t next = 0; // the first unit that may still come
    const bool is_first_only = text.find_first_not_of("0123456789.") == text.npos;
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        const std::string_view whole = take_digits(text);
        std::string_view fraction;
        if (text.starts_with('.')) {
            text.remove_prefix(1);
            fraction = take_digits(text);
            if (fraction.empty()) return std::nullopt;
        }
        if (whole.empty()) return std::nullopt;
        std::int64_t size = bare;
        if (!is_first_only) {
            text = trimmed(text);
            std::size_t letters = 0;
            while (letters < text.size() && !is_digit(text[letters]) && text[letters] != ' ') ++letters;
            const std::string_view name = text.substr(0, letters);
            while (next < units.size() && units[next].name != name) ++next;
            if (next == units.size()) return std::nullopt;
            size = units[next++].size;
            text.remove_prefix(letters);
            text = trimmed(text);
        }
        const auto part = scaled(whole, fraction, size);
        if (!part || __builtin_add_overflow(sum, *part, &sum)) return std::nullopt;
    }
    return sum;
}

} // namespace

std::optional<std::int64_t> parse_duration(std::string_view text) {
    if (trimmed(text) == "none") return 0;
    return parse_sum(text, durations, 1'000'000'000);
}

std::optional<std::int64_t> parse_size(std::string_view text) {
    const std::string_view number = trimmed(text);
    if (number.find_first_of("0123456789") == number.npos) return std::nullopt;
    // One number and one unit: a size is no sum.
    const std::size_t letters = number.find_first_not_of("0123456789.");
    if (letters != number.npos && number.find_first_of("0123456789", letters) != number.npos)
        return std::nullopt;
    return parse_sum(text, sizes, 1);
}

std::optional<double> parse_number(std::string_view text) {
    text = trimmed(text);
    const bool is_share = text.ends_with('%');
    if (is_share) text = trimmed(text.substr(0, text.size() - 1));
    double value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(value))
        return std::nullopt;
    return is_share ? value / 100 : value;
}

std::string format_duration(std::int64_t nanoseconds) {
    if (nanoseconds == 0) return "0s";
    for (const unit& each : durations)
        if (each.name != "w" && nanoseconds % each.size == 0)
            return std::to_string(nanoseconds / each.size).append(each.name);
    return std::to_string(static_cast<double>(nanoseconds) / 1e9) + "s";
}

} // namespace modelmesh::settings
