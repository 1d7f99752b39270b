#!/bin/sh
# The least that the users of one cluster need of Kafka, here of the cluster `orders` with one request topic: put their names wherever those
# stand, and add a line for each further request topic. For a broker with an authorizer, by a user who may alter its ACLs:
#
#   BOOTSTRAP=kafka-1:9092 COMMAND_CONFIG=admin.properties NODES=User:holdfast INIT=User:holdfast-admin sh acls.sh
#
# `kafka-acls.sh` of Kafka's own tools has to be on the PATH. Each line is needed for what stands behind it; a test takes those of the nodes
# away one by one. A right to read or write brings with it the one to describe; a right to create does not. No right for the whole cluster is among
# them.
set -eu

allow() {
  principal=$1
  shift
  kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$COMMAND_CONFIG" \
    --add --allow-principal "$principal" "$@"
}

# Nodes (KAFKA_SASL_USERNAME, the subject of a token, or the subject of a certificate).
allow "$NODES" --operation Read --topic holdfast.orders.replies               # replies
allow "$NODES" --operation Write --topic holdfast.orders.replies              # dead letters that are driven again
allow "$NODES" --operation Read --group holdfast.orders                       # to share the replies with the other nodes
allow "$NODES" --operation Write --topic payments.requests                    # requests
allow "$NODES" --operation DescribeConfigs --topic payments.requests          # how large one may be
allow "$NODES" --operation Write --topic holdfast.orders.dlq                  # replies that nobody could use
allow "$NODES" --operation Read --topic holdfast.orders.dlq                   # to show them, and to drive them again
allow "$NODES" --operation Write --topic holdfast.orders.acks                 # only with `acknowledgements: true`
allow "$NODES" --operation DescribeConfigs --topic holdfast.orders.replies    # only `holdfast check` and `doctor`
allow "$NODES" --operation DescribeConfigs --topic holdfast.orders.dlq        # only `holdfast check` and `doctor`
allow "$NODES" --operation DescribeConfigs --topic holdfast.orders.acks       # only they, with `acknowledgements: true`

# Whoever runs `holdfast init`, which makes these three topics; nodes make nothing, and nobody makes request topics.
allow "$INIT" --operation Create --topic holdfast.orders.replies
allow "$INIT" --operation Describe --topic holdfast.orders.replies            # whether it is there
allow "$INIT" --operation Create --topic holdfast.orders.dlq
allow "$INIT" --operation Describe --topic holdfast.orders.dlq                # whether it is there
allow "$INIT" --operation Create --topic holdfast.orders.acks                 # only with `acknowledgements: true`
allow "$INIT" --operation Describe --topic holdfast.orders.acks               # only with `acknowledgements: true`
