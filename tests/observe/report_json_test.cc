// SPDX-License-Identifier: MIT
//
// The JSON against its published schema, by a checker of just the words that the schema uses; and
// that checker against reports that break each of them.
#include "observe/report_json.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "observe/report_fields.h"
#include "observe/report_samples.h"

namespace spanheap {
namespace {

using Json = nlohmann::json;

bool HasType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "integer") return value.is_number_integer();
  ADD_FAILURE() << "the checker does not know type " << type;
  return false;
}

// The first breach of `schema` by `value`, empty if there is none.
std::string FirstBreach(const Json& schema, const Json& value, const std::string& where);

std::string FirstBreachInObject(const Json& schema, const Json& value, const std::string& where) {
  for (const auto& key : schema.value("required", Json::array())) {
    if (!value.contains(key)) return where + ": lacks " + key.get<std::string>();
  }
  for (const auto& [key, member] : value.items()) {
    if (!schema.at("properties").contains(key)) return where + ": unknown " + key;
    const std::string breach =
        FirstBreach(schema.at("properties").at(key), member, where + "." + key);
    if (!breach.empty()) return breach;
  }
  return "";
}

std::string FirstBreach(const Json& schema, const Json& value, const std::string& where) {
  static const std::set<std::string> kKnown = {
      "$schema",    "title", "description", "type",    "required",
      "properties", "items", "const",       "minimum", "additionalProperties"};
  for (const auto& [word, unused] : schema.items()) {
    if (kKnown.count(word) == 0) return where + ": the checker does not know " + word;
  }
  if (schema.contains("const") && value != schema["const"]) return where + ": not the constant";
  if (schema.contains("type") && !HasType(value, schema["type"])) return where + ": wrong type";
  if (schema.contains("minimum") && value < schema["minimum"]) return where + ": too small";
  if (schema.contains("properties")) return FirstBreachInObject(schema, value, where);
  if (!schema.contains("items")) return "";
  for (const Json& item : value) {
    const std::string breach = FirstBreach(schema["items"], item, where + "[]");
    if (!breach.empty()) return breach;
  }
  return "";
}

Json Schema() {
  std::ifstream file(SPANHEAP_SCHEMA);
  return Json::parse(file);
}

Json Written(const HeapReport& report) {
  return Json::parse(Rendered([&](TextSink& sink) { WriteReportJson(report, sink); }));
}

std::string Breach(const Json& json) { return FirstBreach(Schema(), json, "report"); }

TEST(ReportJsonTest, FollowsTheSchema) {
  EXPECT_EQ(Breach(Written(SampleReport())), "");
  EXPECT_EQ(Breach(Written(HeapReport{})), "");
  EXPECT_EQ(Breach(Written(HugeReport())), "");
}

TEST(ReportJsonTest, TheSchemaCanBeBroken) {
  const Json good = Written(SampleReport());
  Json bad = good;
  bad.erase("live_bytes");
  EXPECT_EQ(Breach(bad), "report: lacks live_bytes");
  bad = good;
  bad["more"] = 1;
  EXPECT_EQ(Breach(bad), "report: unknown more");
  bad = good;
  bad["version"] = 2;
  EXPECT_EQ(Breach(bad), "report.version: not the constant");
  bad = good;
  bad["threads"] = -1;
  EXPECT_EQ(Breach(bad), "report.threads: too small");
  bad = good;
  bad["threads"] = "3";
  EXPECT_EQ(Breach(bad), "report.threads: wrong type");
  bad = good;
  bad["classes"][1].erase("spans");
  EXPECT_EQ(Breach(bad), "report.classes[]: lacks spans");
}

TEST(ReportJsonTest, HoldsEveryNumberOfTheReport) {
  const HeapReport report = SampleReport();
  const Json json = Written(report);
  EXPECT_EQ(json.at("mapped_bytes"), report.mapped_bytes);
  EXPECT_EQ(json.at("version"), HeapReport::kVersion);
  const auto compare = [&](const auto& fields) {
    for (const ReportField& field : fields) EXPECT_EQ(json.at(field.key), report.*field.value);
  };
  compare(kReportCategories);
  compare(kReportSizes);
  compare(kReportCounts);
  ASSERT_EQ(json.at("classes").size(), report.class_count);
  for (size_t i = 0; i < report.class_count; ++i) {
    for (const ClassField& field : kClassFields) {
      EXPECT_EQ(json["classes"][i].at(field.key), report.classes[i].*field.value) << field.key;
    }
  }
}

TEST(ReportJsonTest, HoldsARowForEachThread) {
  const HeapReport report = SampleReport();
  const Json json = Written(report);
  ASSERT_EQ(json.at("per_thread").size(), report.thread_count);
  for (size_t i = 0; i < report.thread_count; ++i) {
    for (const ThreadField& field : kThreadFields) {
      EXPECT_EQ(json["per_thread"][i].at(field.key), report.per_thread[i].*field.value);
    }
  }
}

TEST(ReportJsonTest, HoldsEveryNumberOfTheCollectedHeap) {
  const CollectedReport report = SampleReport().collected;
  const Json json = Written(SampleReport()).at("collected");
  const auto compare = [&](const auto& fields) {
    for (const CollectedField& field : fields) EXPECT_EQ(json.at(field.key), report.*field.value);
  };
  compare(kCollectedSizes);
  compare(kCollectedCounts);
  compare(kCollectedTimes);
  for (const HistogramField& field : kCollectedHistograms) {
    ASSERT_EQ(json.at(field.key).size(), CollectedReport::kTimeBuckets);
    for (unsigned i = 0; i < CollectedReport::kTimeBuckets; ++i) {
      EXPECT_EQ(json[field.key][i], (report.*field.counts)[i]);
    }
  }
  ASSERT_EQ(json.at("classes").size(), report.class_count);
  for (size_t i = 0; i < report.class_count; ++i) {
    for (const CollectedClassField& field : kCollectedClassFields) {
      EXPECT_EQ(json["classes"][i].at(field.key), report.classes[i].*field.value) << field.key;
    }
  }
}

TEST(ReportJsonTest, ItsCategoriesAddUp) {
  const Json json = Written(SampleReport());
  uint64_t sum = 0;
  for (const ReportField& field : kReportCategories) sum += json.at(field.key).get<uint64_t>();
  EXPECT_EQ(json.at("mapped_bytes"), sum);
}

}  // namespace
}  // namespace spanheap
