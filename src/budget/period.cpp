#include "budget/period.hpp"

namespace modelmesh::budget {
namespace {

using std::chrono::days;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year_month;
using std::chrono::year_month_day;

sys_days day_of(std::chrono::system_clock::time_point wall) noexcept {
    return std::chrono::floor<days>(wall);
}

year_month month_of(std::chrono::system_clock::time_point wall) noexcept {
    const year_month_day date(day_of(wall));
    return date.year() / date.month();
}

} // namespace

calendar calendar_of(std::chrono::system_clock::time_point wall) noexcept {
    const year_month month = month_of(wall);
    const int number =
        static_cast<int>(month.year()) * 12 + static_cast<int>(static_cast<unsigned>(month.month())) - 1;
    return {static_cast<period>(day_of(wall).time_since_epoch().count()), static_cast<period>(number)};
}

std::chrono::system_clock::time_point next_day(std::chrono::system_clock::time_point wall) noexcept {
    return day_of(wall) + days(1);
}

std::chrono::system_clock::time_point next_month(std::chrono::system_clock::time_point wall) noexcept {
    return sys_days((month_of(wall) + months(1)) / 1);
}

} // namespace modelmesh::budget
