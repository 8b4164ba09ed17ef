#include "mailauth/spf_problem.hpp"

namespace postil::mailauth {

std::string_view to_string(SpfProblem problem) {
  switch (problem) {
    using enum SpfProblem;
    case not_ascii:
      return "not_ascii";
    case control_character:
      return "control_character";
    case mechanism_missing:
      return "mechanism_missing";
    case unknown_mechanism:
      return "unknown_mechanism";
    case modifier_needs_equals:
      return "modifier_needs_equals";
    case qualifier_before_modifier:
      return "qualifier_before_modifier";
    case argument_not_allowed:
      return "argument_not_allowed";
    case domain_missing:
      return "domain_missing";
    case domain_end:
      return "domain_end";
    case network_missing:
      return "network_missing";
    case ip4_invalid:
      return "ip4_invalid";
    case ip6_invalid:
      return "ip6_invalid";
    case ip4_holds_ip6:
      return "ip4_holds_ip6";
    case ip6_holds_ip4:
      return "ip6_holds_ip4";
    case prefix_missing:
      return "prefix_missing";
    case prefix_not_a_number:
      return "prefix_not_a_number";
    case prefix_leading_zero:
      return "prefix_leading_zero";
    case prefix_out_of_range:
      return "prefix_out_of_range";
    case repeated_redirect:
      return "repeated_redirect";
    case repeated_exp:
      return "repeated_exp";
    case macro_percent:
      return "macro_percent";
    case macro_unclosed:
      return "macro_unclosed";
    case macro_letter:
      return "macro_letter";
    case macro_only_in_exp:
      return "macro_only_in_exp";
    case macro_zero:
      return "macro_zero";
    case macro_content:
      return "macro_content";
  }
  return "?";
}

std::string_view to_string(SpfRemark remark) {
  switch (remark) {
    using enum SpfRemark;
    case all_passes:
      return "all_passes";
    case all_neutral:
      return "all_neutral";
    case after_all:
      return "after_all";
    case redirect_ignored:
      return "redirect_ignored";
    case no_end:
      return "no_end";
    case ptr_used:
      return "ptr_used";
    case p_macro_used:
      return "p_macro_used";
    case mechanism_as_modifier:
      return "mechanism_as_modifier";
    case unknown_modifier:
      return "unknown_modifier";
    case repeated_term:
      return "repeated_term";
    case modifier_before_end:
      return "modifier_before_end";
  }
  return "?";
}

}  // namespace postil::mailauth
