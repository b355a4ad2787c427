// Clients that break off, at every byte and in every way; then the next one is served, and nothing is left.
#include "fixture.hpp"

namespace modelmesh::net::testing {
namespace {

using ServerFaults = both_engines;
INSTANTIATE_TEST_SUITE_P(Engine, ServerFaults, ::testing::Values(engine_kind::uring, engine_kind::epoll),
                         engine_name);

enum class way { close, half_close, reset };

void end(raw_socket& client, way how) {
    if (how == way::close) client.close();
    if (how == way::half_close) client.half_close();
    if (how == way::reset) client.reset();
}

TEST_P(ServerFaults, AClientThatBreaksOffAtAnyByteDisturbsNobody) {
    running_server on(GetParam());
    const std::string wire = post("/echo", "hello") + get("/stream");
    for (const way how : {way::close, way::half_close, way::reset}) {
        for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
            raw_socket client = on.connect();
            client.send(wire.substr(0, cut));
            end(client, how);
            if (how == way::half_close) {
                EXPECT_EQ(to_the_end(client).how, ending::in_order);
            }
        }
    }
    const raw_socket next = on.connect();
    next.send(get("/hello"));
    EXPECT_EQ(next.receive(ok("hello").size()), ok("hello"));
    on.until([](const server_counters& c) { return c.open == 1; });
}

TEST_P(ServerFaults, AHandlerWhoseClientLeavesIsCancelled) {
    running_server on(GetParam());
    int canceled = 0;
    for (const std::string target : {"/wait", "/wait_late"}) {
        for (const way how : {way::close, way::half_close, way::reset}) {
            raw_socket client = on.connect();
            client.send(post(target, ""));
            on.until([](const server_counters& c) { return c.handling == 1; });
            end(client, how);
            on.until([](const server_counters& c) { return c.open == 0; });
            EXPECT_EQ(on.seen->canceled, ++canceled) << target;
        }
    }
    EXPECT_EQ(on.counters().gone, 6u);
}

TEST_P(ServerFaults, AHandlerThatReadsLearnsThatItsClientLeft) {
    running_server on(GetParam());
    for (const way how : {way::close, way::half_close, way::reset}) {
        raw_socket client = on.connect();
        client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhal");
        on.until([](const server_counters& c) { return c.handling == 1; });
        end(client, how);
        on.until([](const server_counters& c) { return c.open == 0; });
        EXPECT_EQ(on.seen->failure.exchange(0), static_cast<int>(errc::canceled));
    }
}

TEST_P(ServerFaults, AHandlerThatWritesLearnsThatItsClientLeft) {
    running_server on(GetParam());
    for (const way how : {way::close, way::reset}) {
        raw_socket client = on.connect();
        client.send(get("/firehose"));
        EXPECT_EQ(client.receive(100000).size(), 100000u);
        end(client, how);
        on.until([](const server_counters& c) { return c.open == 0; });
    }
    EXPECT_EQ(on.counters().gone, 2u);
    EXPECT_EQ(on.counters().failed, 0u);
}

TEST_P(ServerFaults, TheEventLoopMayEndBeforeTheServer) {
    const std::size_t before = open_descriptors();
    {
        auto seen = std::make_shared<signs>();
        std::optional<server> outlives;
        raw_socket client;
        {
            loop on(GetParam());
            outlives.emplace(*on.io, [seen](exchange& ex) { return route(ex, seen); });
            ASSERT_TRUE(outlives->listen(listen_settings()));
            asio::co_spawn(on.context, outlives->serve(), asio::detached);
            client = connect_to(outlives->port());
            client.send(get("/wait"));
            while (seen->waiting == 0) on.context.run_one_for(1ms);
        }
        outlives.reset();
    }
    EXPECT_EQ(open_descriptors(), before);
}

} // namespace
} // namespace modelmesh::net::testing
