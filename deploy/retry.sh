# To be sourced. Tries a command three times: mirrors and networks have bad minutes.
retry() {
  local attempt
  for attempt in 1 2 3; do
    "$@" && return
    echo "setup: '$*' failed (attempt $attempt of 3)" >&2
    sleep $((attempt * 5))
  done
  return 1
}
