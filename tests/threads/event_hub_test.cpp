// Many threads write to a hub that has less room than they need.
#include <modelmesh/event_hub.hpp>

#include <gtest/gtest.h>

#include <array>
#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace modelmesh {
namespace {

TEST(EventHubThreads, EveryEventIsDeliveredOnceOrCountedAsDropped) {
    constexpr int threads = 6;
    constexpr int each = 3000;
    std::uint64_t delivered = 0; // the hub's thread, until it has ended
    std::uint64_t told_dropped = 0;
    std::uint64_t last = 0;
    std::array<int, threads> last_of{};
    std::uint64_t dropped = 0;
    {
        sink_plan plan;
        plan.sink = make_callback_sink([&](const connector::event& e) {
            EXPECT_GT(e.sequence, last);
            last = e.sequence;
            if (e.name == "events.dropped") {
                told_dropped += std::stoull(std::string(e.fields[0].value));
                return;
            }
            const auto thread = static_cast<std::size_t>(std::stoi(std::string(e.fields[0].value)));
            const int number = std::stoi(std::string(e.fields[1].value));
            EXPECT_GT(number, last_of[thread]) << "events of one thread stay in order";
            last_of[thread] = number;
            ++delivered;
        });
        event_hub_options options;
        options.capacity = 64;
        event_hub hub({plan}, options);
        std::latch all_begin(threads);
        std::vector<std::jthread> writers;
        for (int t = 0; t < threads; ++t)
            writers.emplace_back([&hub, &all_begin, t] {
                all_begin.arrive_and_wait();
                for (int i = 1; i <= each; ++i) {
                    const std::string thread = std::to_string(t);
                    const std::string number = std::to_string(i);
                    const std::array<log_field, 2> fields{{{"thread", thread}, {"number", number}}};
                    hub.write(severity::info, "request.log", fields);
                    if (i % 1000 == 0) hub.flush();
                }
            });
        writers.clear();
        dropped = hub.dropped();
    }
    EXPECT_EQ(delivered + dropped, static_cast<std::uint64_t>(threads) * each);
    EXPECT_EQ(told_dropped, dropped);
    EXPECT_GT(delivered, 0U);
}

} // namespace
} // namespace modelmesh
