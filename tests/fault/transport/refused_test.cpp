// The system refuses what Asio needs, and Asio throws: whoever asked gets a fault. The refusals are seccomp
// filters of one thread, which end with it.
#include "../../wire/transport/loopback.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <thread>

namespace modelmesh::net::testing {
namespace {

void refuse(unsigned first, unsigned second, unsigned error) {
    std::array<sock_filter, 5> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, first, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

void on_a_thread(const std::function<void()>& work) { std::thread(work).join(); }

TEST(Refused, ASocketThatCannotBeWatchedIsAConnectFault) {
    on_a_thread([] {
        const std::size_t before = open_descriptors();
        {
            loop on(engine_kind::epoll);
            raw_listener listener;
            refuse(SYS_epoll_ctl, SYS_epoll_ctl, ENOSPC); // fs.epoll.max_user_watches
            origin where;
            where.host = "127.0.0.1";
            where.port = listener.port();
            const auto got = on.run(connect(*on.io, where, tls_settings(), late()));
            ASSERT_FALSE(got);
            EXPECT_EQ(got.error().kind(), errc::connect);
            EXPECT_NE(got.error().message.find("no space left on device"), std::string::npos)
                << got.error().message;
            EXPECT_EQ(on.io->counters().open_streams, 0u);
        }
        EXPECT_EQ(open_descriptors(), before);
    });
}

TEST(Refused, AQueryWithoutAThreadIsAConnectFaultEachTime) {
    on_a_thread([] {
        loop on(engine_kind::epoll);
        refuse(SYS_clone, SYS_clone3, EAGAIN);
        origin where;
        where.host = "127.1"; // a number to the system's resolver, but a name to ours
        where.port = 1;
        for (int i = 0; i < 2; ++i) {
            const auto got = on.run(connect(*on.io, where, tls_settings(), late()));
            ASSERT_FALSE(got);
            EXPECT_EQ(got.error().kind(), errc::connect);
            EXPECT_EQ(got.error().message.find("resolve 127.1: "), 0u) << got.error().message;
        }
    });
}

TEST(Refused, ALoopWithoutAReactorIsAConfigFault) {
    on_a_thread([] {
        refuse(SYS_epoll_create1, SYS_epoll_create, EMFILE);
        asio::io_context context{1};
        const auto made = engine::create(context, engine_settings(engine_kind::epoll));
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().kind(), errc::config);
        EXPECT_THROW(engine::of(context), error);
    });
}

} // namespace
} // namespace modelmesh::net::testing
