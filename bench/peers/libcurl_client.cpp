// libcurl's multi interface doing the exchange, driven the way its documentation recommends for speed: its
// socket callbacks on our epoll, handles and connections used again.
//   libcurl_client --port PORT [--ca FILE] [--calls N] [--concurrency C] [--reply BYTES]
#include "support/connection.hpp"
#include "support/exchange.hpp"

#include <curl/curl.h>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <memory>
#include <vector>

namespace {

using namespace modelmesh;

struct transfer {
    CURL* handle = curl_easy_init();
    std::string body;
    std::uint64_t began_ns = 0;
};

class libcurl_client {
public:
    explicit libcurl_client(const bench::exchange_plan& plan)
        : meter_(plan), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
        curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &libcurl_client::on_socket);
        curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &libcurl_client::on_timer);
        curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
        curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(plan.concurrency));
        for (const char* const field : {"Content-Type: application/json", "Authorization: Bearer key"})
            headers_ = curl_slist_append(headers_, field);
        for (std::uint64_t i = 0; i < plan.concurrency; ++i) {
            transfers_.push_back(std::make_unique<transfer>());
            prepare(*transfers_.back(), plan);
            call(*transfers_.back());
        }
    }
    ~libcurl_client() {
        for (const auto& t : transfers_) {
            curl_multi_remove_handle(multi_, t->handle);
            curl_easy_cleanup(t->handle);
        }
        curl_multi_cleanup(multi_);
        curl_slist_free_all(headers_);
        ::close(epoll_);
    }
    libcurl_client(const libcurl_client&) = delete;
    libcurl_client& operator=(const libcurl_client&) = delete;

    bench::report run() {
        int running = 0;
        std::array<epoll_event, 512> ready{};
        while (!meter_.is_over()) {
            const int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), wait_ms());
            for (int i = 0; i < count; ++i) {
                const epoll_event& event = ready[static_cast<std::size_t>(i)];
                const int what = (event.events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                 (event.events & ~static_cast<std::uint32_t>(EPOLLOUT) ? CURL_CSELECT_IN : 0);
                curl_multi_socket_action(multi_, event.data.fd, what, &running);
            }
            if (is_armed_ && bench::now_ns() >= wake_ns_) {
                is_armed_ = false;
                curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
            }
            collect();
        }
        return meter_.result();
    }

private:
    [[nodiscard]] int wait_ms() const {
        if (!is_armed_) return -1;
        const std::uint64_t now = bench::now_ns();
        return now >= wake_ns_ ? 0 : static_cast<int>((wake_ns_ - now + 999'999) / 1'000'000);
    }

    void prepare(transfer& t, const bench::exchange_plan& plan) {
        curl_easy_setopt(t.handle, CURLOPT_URL, plan.url().c_str());
        curl_easy_setopt(t.handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
        curl_easy_setopt(t.handle, CURLOPT_NOPROXY, "*");
        if (plan.is_tls()) curl_easy_setopt(t.handle, CURLOPT_CAINFO, plan.ca_file.c_str());
        curl_easy_setopt(t.handle, CURLOPT_POSTFIELDS, bench::chat_body);
        curl_easy_setopt(t.handle, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(t.handle, CURLOPT_WRITEFUNCTION, &libcurl_client::on_body);
        curl_easy_setopt(t.handle, CURLOPT_WRITEDATA, &t);
        curl_easy_setopt(t.handle, CURLOPT_PRIVATE, &t);
        // The same promises that ours makes.
        curl_easy_setopt(t.handle, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
        curl_easy_setopt(t.handle, CURLOPT_TIMEOUT_MS, 300'000L);
        curl_easy_setopt(t.handle, CURLOPT_NOSIGNAL, 1L);
    }

    void call(transfer& t) {
        if (!meter_.begin()) return;
        t.began_ns = bench::now_ns();
        t.body.clear();
        curl_multi_add_handle(multi_, t.handle);
    }

    void collect() {
        int left = 0;
        while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const CURLcode outcome = message->data.result;
            transfer* t = nullptr;
            long status = 0;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
            curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
            curl_multi_remove_handle(multi_, t->handle);
            if (outcome != CURLE_OK) throw std::runtime_error(curl_easy_strerror(outcome));
            meter_.end(static_cast<int>(status), t->body.size(), t->began_ns);
            call(*t);
        }
    }

    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* t) {
        static_cast<transfer*>(t)->body.append(data, size);
        return size;
    }

    static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) {
        auto& c = *static_cast<libcurl_client*>(self);
        epoll_event event{};
        event.data.fd = socket;
        event.events = (what & CURL_POLL_IN ? EPOLLIN : 0U) | (what & CURL_POLL_OUT ? EPOLLOUT : 0U);
        if (what == CURL_POLL_REMOVE) {
            epoll_ctl(c.epoll_, EPOLL_CTL_DEL, socket, nullptr);
        } else {
            epoll_ctl(c.epoll_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
            curl_multi_assign(c.multi_, socket, self);
        }
        return 0;
    }

    static int on_timer(CURLM*, long timeout_ms, void* self) {
        auto& c = *static_cast<libcurl_client*>(self);
        c.is_armed_ = timeout_ms >= 0;
        if (c.is_armed_) c.wake_ns_ = bench::now_ns() + static_cast<std::uint64_t>(timeout_ms) * 1'000'000;
        return 0;
    }

    bench::exchange_meter meter_;
    int epoll_;
    CURLM* multi_ = curl_multi_init();
    curl_slist* headers_ = nullptr;
    std::vector<std::unique_ptr<transfer>> transfers_;
    std::uint64_t wake_ns_ = 0; ///< when libcurl wants its timer, if it is armed
    bool is_armed_ = false;
};

} // namespace

int main(int argc, char** argv) try {
    bench::arguments args(argc, argv);
    const bench::exchange_plan plan(args);
    args.finish();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    libcurl_client(plan).run().print();
    curl_global_cleanup();
} catch (const std::exception& e) {
    std::fprintf(stderr, "libcurl_client: %s\n", e.what());
    return 2;
}
