// What create() refuses in a configuration.
#include "fixture.hpp"

namespace modelmesh::testing {
namespace {

config with_pools(std::initializer_list<const char*> names) {
    config settings;
    provider_config provider;
    provider.connector = "openai.llm.v1";
    provider.base_url = "http://127.0.0.1:9/v1";
    provider.models = {"m"};
    settings.providers.emplace_back("p", provider);
    for (const char* name : names) {
        pool_config pool;
        pool.capability = "chat-completion";
        settings.pools.emplace_back(name, pool);
    }
    return settings;
}

TEST(Configuration, NamesOfPoolsAreDistinctAndNotEmpty) {
    EXPECT_EQ(refusal(with_pools({"a", "b"})), "no error");
    EXPECT_EQ(refusal(with_pools({"a", "b", "a"})), "pool 'a': is configured twice");
    EXPECT_EQ(refusal(with_pools({""})), "pool '': needs a name");
}

TEST(Configuration, NamesOfProvidersAreDistinctAndNotEmpty) {
    config settings = with_pools({"a"});
    settings.providers.push_back(settings.providers.front());
    EXPECT_EQ(refusal(settings), "provider 'p': is configured twice");
    settings.providers.back().first.clear();
    EXPECT_EQ(refusal(settings), "provider '': needs a name");
}

TEST(Configuration, AProviderWithoutAnAddressIsWhereItsConnectorKnows) {
    config settings = with_pools({"a"});
    settings.providers.front().second.base_url.clear();
    EXPECT_EQ(refusal(settings), "no error");
}

TEST(Configuration, AModelIsListedOnce) {
    config settings = with_pools({"a"});
    settings.providers.front().second.models = {"m", "n", "m"};
    EXPECT_EQ(refusal(settings), "provider 'p': lists the model 'm' twice");
    settings.providers.front().second.models = {"m", ""};
    EXPECT_EQ(refusal(settings), "provider 'p': lists a model without a name");
}

TEST(Configuration, LimitsOfAMinuteAreNumbersThatMeanSomething) {
    config settings = with_pools({"a"});
    provider_config& provider = settings.providers.front().second;
    provider.models = {"m"};
    provider.rate_limit.requests_per_minute = -1;
    settings.models.emplace_back("p.m", model_config()).second.rate_limit.tokens_per_minute = 1'000'000'001;
    EXPECT_EQ(refusal(settings),
              "model 'p.m': rate_limit.tokens_per_minute must be from 0, for any number, to 1000000000\n"
              "provider 'p': rate_limit.requests_per_minute must be from 0, for any number, to 100000");
}

// Providers "p" and "q" with one key, and a limit that both say.
config with_one_key() {
    config settings = with_pools({"a"});
    provider_config& first = settings.providers.front().second;
    first.api_key = "k";
    first.rate_limit.requests_per_minute = 60;
    const provider_config second = first;
    settings.providers.emplace_back("q", second);
    return settings;
}

TEST(Configuration, ProvidersWithOneKeyHaveOneLimit) {
    config settings = with_one_key();
    EXPECT_EQ(refusal(settings), "no error");
    settings.providers.back().second.rate_limit.requests_per_minute = 61;
    EXPECT_EQ(refusal(settings),
              "provider 'q': rate_limit must be that of provider 'p', which has the same key, "
              "or be left out: they have one between them");
    settings.providers.back().second.rate_limit = {};
    EXPECT_EQ(refusal(settings), "no error");
    settings.providers.back().second.rate_limit.requests_per_minute = 61;
    settings.providers.back().second.api_key = "another";
    EXPECT_EQ(refusal(settings), "no error");
}

// The limit is that of the key, however its connections are used.
TEST(Configuration, ProvidersWithOneKeyHaveOneLimitThoughTheirConnectionsDiffer) {
    config settings = with_one_key();
    provider_config& second = settings.providers.back().second;
    second.rate_limit.requests_per_minute = 61;
    second.connection_pool.max_connections = 7;
    second.pipeline_depth = 2;
    second.http = http_version::http1;
    EXPECT_EQ(refusal(settings),
              "provider 'q': rate_limit must be that of provider 'p', which has the same key, "
              "or be left out: they have one between them");
}

TEST(Configuration, AConnectionPoolIsOneThatCanServe) {
    config settings = with_pools({"a"});
    connection_pool_config& pool = settings.providers.front().second.connection_pool;
    pool.max_connections = 0;
    EXPECT_EQ(refusal(settings), "provider 'p': connection_pool.max_connections must be at least 1");
    pool.max_connections = 1;
    for (const int wait : {0, -1}) {
        pool.timeout = std::chrono::milliseconds(wait);
        EXPECT_EQ(refusal(settings), "provider 'p': connection_pool.timeout must be above 0, or left out to "
                                     "wait until the deadline");
    }
    pool.timeout.reset();
    pool.idle_timeout = std::chrono::milliseconds(-1);
    EXPECT_EQ(refusal(settings), "provider 'p': connection_pool.idle_timeout must not be below 0");
    pool.idle_timeout = std::chrono::milliseconds(0);
    EXPECT_EQ(refusal(settings), "no error");
}

TEST(Configuration, AKeyThatCannotBeSentIsRefused) {
    for (const char* key : {"sk-1\r", "sk-1\n", "sk\t1", "\x7f"}) {
        config settings = with_pools({"a"});
        settings.providers.front().second.api_key = key;
        EXPECT_EQ(refusal(settings),
                  "provider 'p': api_key has a control character, like a line break at its end");
    }
}

TEST(Configuration, CertificatesThatCannotBeUsedAreRefused) {
    config settings = with_pools({"a"});
    provider_config& provider = settings.providers.front().second;
    provider.tls.ca_file = "/nonexistent";
    EXPECT_EQ(refusal(settings), "no error") << "without TLS nobody reads it";
    provider.base_url = "https://127.0.0.1:9/v1";
    EXPECT_EQ(refusal(settings).find("provider 'p': TLS settings: ca_file cannot be read"), 0u)
        << refusal(settings);
    provider.tls = tls_config();
    provider.tls.certificate_pem = "no certificate";
    provider.tls.key_pem = "SECRET";
    const std::string text = refusal(settings);
    EXPECT_EQ(text.find("provider 'p': "), 0u) << text;
    EXPECT_EQ(text.find("SECRET"), std::string::npos) << text;
}

TEST(Configuration, PipeliningIsOfHttp1) {
    config settings = with_pools({"a"});
    provider_config& provider = settings.providers.front().second;
    provider.pipeline_depth = 0;
    EXPECT_EQ(refusal(settings), "provider 'p': pipeline_depth must be at least 1");
    provider.pipeline_depth = 2;
    EXPECT_EQ(refusal(settings), "no error");
    provider.http = http_version::http2;
    EXPECT_EQ(refusal(settings), "provider 'p': pipeline_depth is for HTTP/1.1, and http is http2");
    provider.pipeline_depth = 1;
    EXPECT_EQ(refusal(settings), "no error");
}

TEST(Configuration, AnUnknownTimeZoneIsNamedWithTheNearestOne) {
    config settings = with_pools({"chat"});
    settings.time_zone = "Europe/Berln";
    maintenance_config& window = settings.pools[0].second.maintenance_window;
    window.cron = "0 3 * * *";
    window.tz = "+2:00";
    EXPECT_EQ(refusal(settings),
              "time_zone: there is no time zone 'Europe/Berln'; did you mean 'Europe/Berlin'?\n"
              "pool 'chat': maintenance_window.tz: '+2:00' is no offset from UTC, like +02:00 or -05:30");
    settings.time_zone = "America/New_York";
    window.tz = "Europe/Berlin";
    EXPECT_EQ(refusal(settings), "no error");
    settings.pools[0].second.quota_reset_schedule = quota_schedule::daily_utc;
    EXPECT_EQ(refusal(settings), "pool 'chat': quota_reset_schedule: daily_utc does not go with time_zone "
                                 "America/New_York; use quota_window: daily for its days");
    settings.time_zone = "Etc/UTC";
    EXPECT_EQ(refusal(settings), "no error");
}

} // namespace
} // namespace modelmesh::testing
