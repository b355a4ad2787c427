#include "net/http_date.hpp"

#include <algorithm>
#include <ctime>

namespace modelmesh::net {

std::string_view http_date::text(std::chrono::system_clock::time_point now) noexcept {
    const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    if (second != second_) {
        second_ = second;
        const auto moment = static_cast<std::time_t>(second);
        std::tm utc{};
        ::gmtime_r(&moment, &utc);
        // Not strftime: it would write the names in the program's language.
        constexpr std::string_view days = "SunMonTueWedThuFriSat";
        constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
        constexpr std::string_view form = "Day, 00 Mon 0000 00:00:00 GMT";
        static_assert(form.size() == std::tuple_size_v<decltype(text_)>);
        std::copy(form.begin(), form.end(), text_.begin());
        const auto word = [this](std::size_t at, std::string_view names, int index) {
            const std::string_view name = names.substr(static_cast<std::size_t>(index) * 3, 3);
            std::copy(name.begin(), name.end(), text_.begin() + static_cast<std::ptrdiff_t>(at));
        };
        const auto number = [this](std::size_t end, int value) {
            for (; value != 0; value /= 10) text_[--end] = static_cast<char>('0' + value % 10);
        };
        word(0, days, utc.tm_wday);
        number(7, utc.tm_mday);
        word(8, months, utc.tm_mon);
        number(16, utc.tm_year + 1900);
        number(19, utc.tm_hour);
        number(22, utc.tm_min);
        number(25, utc.tm_sec);
    }
    return {text_.data(), text_.size()};
}

} // namespace modelmesh::net
