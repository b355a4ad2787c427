#include "world.hpp"

#include <algorithm>
#include <cmath>

namespace modelmesh::router::simulation {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
milliseconds between(rng& random, milliseconds least, milliseconds most) {
    return least + milliseconds(static_cast<std::int64_t>(random.unit() *
                                                          static_cast<double>((most - least).count())));
}
} // namespace

forecast::forecast(rng& random, time_point from, time_point to, const std::vector<time_point>& disasters) {
    constexpr auto kinds = static_cast<std::uint64_t>(weather::cutting);
    for (const time_point at : disasters) {
        // Neither slow nor cutting: those answer now and then.
        const auto what =
            static_cast<weather>(1 + random.next() % static_cast<std::uint64_t>(weather::locked));
        disasters_.push_back({at, at + seconds(45), what});
    }
    for (time_point at = from + between(random, seconds(1), seconds(60)); at < to;) {
        const auto what = static_cast<weather>(1 + random.next() % kinds);
        const time_point end = std::min(to, at + between(random, seconds(1), seconds(15)));
        spells_.push_back({at, end, what});
        at = end + between(random, seconds(5), seconds(60));
    }
}

spell forecast::at(time_point moment) const noexcept {
    const auto is_on = [moment](const spell& s) { return s.from <= moment && moment < s.to; };
    const auto disaster = std::find_if(disasters_.begin(), disasters_.end(), is_on);
    if (disaster != disasters_.end()) return *disaster;
    const auto next = std::upper_bound(spells_.begin(), spells_.end(), moment,
                                       [](time_point m, const spell& s) { return m < s.to; });
    if (next != spells_.end() && is_on(*next)) return *next;
    return {};
}

bool forecast::is_fine(time_point from, time_point to) const noexcept {
    const auto is_between = [&](const spell& s) { return s.from <= to && from < s.to; };
    return std::none_of(disasters_.begin(), disasters_.end(), is_between) &&
           std::none_of(spells_.begin(), spells_.end(), is_between);
}

world::world(std::uint64_t seed, time_point calm) : random_(seed) {
    std::vector<time_point> disasters;
    for (const int tenth : {2, 4, 6, 8})
        disasters.push_back(timeline::start() + (calm - timeline::start()) / 10 * tenth);
    for (std::size_t i = 0; i < server_count; ++i)
        servers[i] = std::make_shared<server>(i, forecast(random_, timeline::start(), calm, disasters));
}

task<result<void>> world::sleep_until(time_point moment) {
    return [](timeline* on, time_point at) -> task<result<void>> {
        co_await on->until(at);
        co_return result<void>();
    }(&line, moment);
}

world::opening world::begin(const server& at) {
    opening made;
    made.in = at.sky.at(line.now());
    milliseconds latency = between(random_, milliseconds(20), milliseconds(200));
    switch (made.in.what) {
    case weather::refusing:
    case weather::limited:
    case weather::overloaded:
    case weather::locked:
        latency /= 10;
        break;
    case weather::slow:
        latency *= 20;
        break;
    default:
        break;
    }
    made.at = line.now() + latency;
    return made;
}

// Waits for the head of an answer.
task<result<void>> world::head(world* self, opening of, patience limits) {
    const time_point patient = std::min(limits.deadline, self->line.now() + limits.first_byte);
    if (of.in.what == weather::silent || of.at >= patient) {
        co_await self->line.until(patient);
        co_return fault(errc::timed_out, "no answer");
    }
    co_await self->line.until(of.at);
    if (of.in.what == weather::refusing) co_return fault(errc::connect, "refused");
    co_return result<void>();
}

http::response world::refusal(const opening& of, time_point now) {
    http::response r;
    r.status = of.in.what == weather::failing      ? 500
               : of.in.what == weather::overloaded ? 503
               : of.in.what == weather::limited    ? 429
               : of.in.what == weather::locked     ? 401
                                                   : 200;
    if (r.status == 429) {
        const auto left = std::chrono::ceil<milliseconds>(of.in.to - now);
        r.headers.add("retry-after-ms", std::to_string(std::max<std::int64_t>(left.count(), 1)));
    } else if (r.status == 200) {
        r.headers.add("x-ratelimit-limit-requests", "1000");
        r.headers.add("x-ratelimit-remaining-requests",
                      std::to_string(100 + now.time_since_epoch().count() % 800));
    }
    return r;
}

std::string world::usage() {
    const bool is_surprise = random_.next() % 100 == 0;
    surprises += is_surprise ? 1 : 0;
    const std::int64_t prompt = usual_prompt + (is_surprise ? surprise : 0);
    const std::int64_t output =
        is_surprise
            ? longest_output
            : 1 + static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(longest_output));
    return R"("usage":{"prompt_tokens":)" + std::to_string(prompt) + R"(,"completion_tokens":)" +
           std::to_string(output) + R"(,"total_tokens":)" + std::to_string(prompt + output) + "}";
}

task<result<http::response>> world::answer(world* self, std::shared_ptr<const server> by, patience limits) {
    const opening of = self->begin(*by);
    const result<void> begun = co_await head(self, of, limits);
    if (!begun) co_return begun.error();
    http::response r = refusal(of, self->line.now());
    if (r.status == 200)
        r.body =
            R"({"id":"r","choices":[{"index":0,"message":{"role":"assistant","content":"four"},"finish_reason":"stop"}],)" +
            self->usage() + "}";
    co_return r;
}

task<result<http::response>> world::exchange(std::shared_ptr<const endpoint> to,
                                             std::shared_ptr<const http::request>, patience limits) {
    return answer(this, std::static_pointer_cast<const server>(to), limits);
}

// A body whose slices come one after another.
class streamed final : public body {
public:
    streamed(world& of, bool is_cut) : world_(&of) {
        const std::string begin = R"(data: {"id":"s","choices":[{"index":0,"delta":)";
        const std::string end = R"(,"finish_reason":null}]})"
                                "\n\n";
        slices_.push_back(begin + R"({"role":"assistant","content":""})" + end);
        slices_.push_back(begin + R"({"content":"fo"})" + end);
        slices_.push_back(begin + R"({"content":"ur"})" + end);
        slices_.push_back(R"(data: {"id":"s","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
                          "\n\n");
        if (is_cut)
            slices_.resize(1 + of.random().next() % 3);
        else
            slices_.push_back(R"(data: {"id":"s","choices":[],)" + of.usage() + "}\n\ndata: [DONE]\n\n");
    }
    result<body_state> try_read(std::string_view& slice) override {
        if (next_ == slices_.size()) return body_state::end;
        if (!std::exchange(is_here_, false)) return body_state::would_block;
        slice = slices_[next_++];
        return body_state::slice;
    }
    task<result<void>> wait() override {
        is_here_ = true;
        return world_->sleep_until(world_->line.now() +
                                   between(world_->random(), milliseconds(1), milliseconds(30)));
    }
    void done() noexcept override {}

private:
    world* world_;
    std::vector<std::string> slices_;
    std::size_t next_ = 0;
    bool is_here_ = false;
};

task<result<opened>> world::stream(world* self, std::shared_ptr<const server> by, patience limits) {
    const opening of = self->begin(*by);
    const result<void> begun = co_await head(self, of, limits);
    if (!begun) co_return begun.error();
    opened o;
    o.head = refusal(of, self->line.now());
    if (o.head.status == 200) o.body = std::make_unique<streamed>(*self, of.in.what == weather::cutting);
    co_return o;
}

task<result<opened>> world::open(std::shared_ptr<const endpoint> to, std::shared_ptr<const http::request>,
                                 patience limits) {
    return stream(this, std::static_pointer_cast<const server>(to), limits);
}

} // namespace modelmesh::router::simulation
