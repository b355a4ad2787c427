// What a client says about its pools, and what can be done with them by hand.
#include "fixture.hpp"

namespace modelmesh::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class Introspection : public ClientFixture {
protected:
    static std::string answerer(const client& c) {
        const auto reply = run(ask_once(c, question()));
        return reply ? reply->x_modelmesh->model : reply.error().message;
    }
};
INSTANTIATE_TEST_SUITE_P(Engines, Introspection, ::testing::Values("uring", "epoll"),
                         [](const auto& which) { return std::string(which.param); });

TEST_P(Introspection, ExplainSaysWhereTheNextCallGoes) {
    start("alpha", R"({"rules":[{"status":500}]})");
    start("beta");
    start("gamma");
    settings.pools.emplace_back("chat-completion", pool_config{"chat"}).second.failure_threshold = 1;
    const client c = create(settings);
    EXPECT_EQ(c.explain(question()).selected_model, "alpha.alpha-model");
    EXPECT_THAT(c.explain(question()).fallback_chain, ElementsAre("beta.beta-model", "gamma.gamma-model"));
    EXPECT_EQ(answerer(c), "beta.beta-model");
    const explanation told = c.explain("chat-completion");
    EXPECT_EQ(told.selected_model, "beta.beta-model");
    EXPECT_EQ(told.candidates[0].why, exclusion::standby);
    EXPECT_EQ(told.candidates[0].last_http_status, 500);
    EXPECT_THAT(told.candidates[0].reason, HasSubstr("(HTTP 500)"));
    EXPECT_THAT(c.active_providers(), ElementsAre("alpha", "beta", "gamma"))
        << "the model that was named by itself has not failed";
    const call_options at_gamma = call_options().provider("gamma");
    EXPECT_EQ(c.explain(question(), at_gamma).selected_model, "gamma.gamma-model");
}

TEST_P(Introspection, UsageTellsWhatKeptModelsFromBeingAsked) {
    start("alpha", R"({"rules":[{"status":500}]})");
    start("beta");
    settings.pools.emplace_back("chat-completion", pool_config{"chat"}).second.failure_threshold = 1;
    client c = create(settings);
    EXPECT_EQ(c.usage().all.service, service_totals());
    EXPECT_EQ(answerer(c), "beta.beta-model");
    const usage_report told = c.usage();
    EXPECT_EQ(told.by_model.at("alpha.alpha-model").service.standby_events, 1);
    EXPECT_EQ(told.by_model.at("alpha.alpha-model").service.rotation_events, 1);
    EXPECT_EQ(told.by_model.at("beta.beta-model").service, service_totals());
    EXPECT_EQ(told.by_provider.at("alpha").service.standby_events, 1);
    EXPECT_EQ(told.by_pool.at("chat-completion").service.rotation_events, 1);
    EXPECT_GE(c.usage().by_model.at("alpha.alpha-model").service.downtime,
              told.by_model.at("alpha.alpha-model").service.downtime);
    c.reload(settings);
    EXPECT_EQ(c.usage().all.service.standby_events, 1) << "it stays with the models";
    c.reactivate("chat-completion", "alpha-model");
    const auto down = c.usage().all.service.downtime;
    EXPECT_EQ(answerer(c), "beta.beta-model");
    EXPECT_EQ(c.usage().all.service.downtime, down) << "its time is over";
}

TEST_P(Introspection, ModelsAreRotatedOutAndBroughtBackByHand) {
    start("alpha");
    start("beta");
    client c = create(settings);
    ASSERT_EQ(answerer(c), "alpha.alpha-model");
    EXPECT_EQ(c.rotate("chat-completion"), "beta.beta-model");
    EXPECT_EQ(answerer(c), "beta.beta-model");
    const pool_status status = c.pool_status("chat");
    EXPECT_EQ(status.pool, "chat-completion");
    EXPECT_EQ(status.active, 1u);
    EXPECT_EQ(status.standby, 1u);
    EXPECT_EQ(status.current_model, "beta.beta-model");
    EXPECT_EQ(status.models[0].why, exclusion::manual);
    EXPECT_EQ(c.try_rotate("chat-completion").error().kind(), errc::no_active_model);
    c.reload(settings);
    EXPECT_EQ(c.pool_status("chat").models[0].why, exclusion::manual) << "whatever is configured";
    c.reactivate("chat-completion", "alpha-model");
    EXPECT_EQ(c.pool_status().front().active, 2u);
    EXPECT_EQ(answerer(c), "beta.beta-model") << "it does not take the traffic back";
}

TEST_P(Introspection, AProviderWhoseKeyWasRefusedIsBroughtBackByHand) {
    start("alpha", R"({"rules":[{"status":401}]})");
    start("beta");
    settings.pools.emplace_back("chat-completion", pool_config{"chat"}).second.provider_recovery = {
        provider_return::on_manual};
    client c = create(settings);
    EXPECT_EQ(answerer(c), "beta.beta-model");
    EXPECT_THAT(c.active_providers(), ElementsAre("beta"));
    c.reactivate_provider("alpha");
    EXPECT_THAT(c.active_providers(), ElementsAre("alpha", "beta"));
    EXPECT_EQ(c.explain(question(), call_options().provider("alpha")).selected_model, "alpha.alpha-model");
    EXPECT_THAT(c.try_reactivate_provider("alfa").error().message,
                HasSubstr("there is no provider 'alfa', but 'alpha', 'beta'"));
    EXPECT_EQ(c.try_reactivate_provider("").error().kind(), errc::bad_request);
}

TEST_P(Introspection, UnknownNamesAreNotFoundAndTheNearestNamed) {
    start("alpha");
    client c = create(settings);
    const std::string near = "did you mean 'chat-completion'";
    EXPECT_THAT(c.try_pool_status("chat-completio").error().message, HasSubstr(near));
    EXPECT_THAT(c.try_rotate("chat-completio").error().message, HasSubstr(near));
    EXPECT_THAT(c.try_explain("chat-completio").error().message, HasSubstr(near));
    EXPECT_EQ(c.try_explain("chat-completio").error().kind(), errc::not_found);
    EXPECT_THAT(c.try_reactivate("chat-completion", "alpha.alpha-modl").error().message,
                HasSubstr("did you mean 'alpha.alpha-model'"));
    EXPECT_THROW((void)c.describe("chat-completio"), error);
}

TEST_P(Introspection, DescribeShowsPoolsAndTheModelsThatAreInNone) {
    start("alpha");
    settings.providers[0].second.models.emplace_back("text-embedding-3-small");
    settings.pools.emplace_back("talk", pool_config{"chat"});
    const client c = create(settings);
    EXPECT_EQ(c.describe(), "Pool \"talk\" (strategy: modelmesh.stick-until-failure.v1)\n"
                            "  capability: generation.text-generation.chat-completion\n"
                            "  → alpha.alpha-model [alpha] (active)\n"
                            "Pool \"alpha.text-embedding-3-small\"\n"
                            "  → alpha.text-embedding-3-small [alpha] (active)\n");
    EXPECT_EQ(c.describe("alpha-model"),
              "Pool \"alpha.alpha-model\"\n  → alpha.alpha-model [alpha] (active)\n");
    EXPECT_THAT(c.describe("talk"), Not(HasSubstr("embedding")));
}

} // namespace
} // namespace modelmesh::testing
