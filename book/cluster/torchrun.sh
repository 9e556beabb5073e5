#!/usr/bin/env bash
# The training command on several machines: run this line on each of them.
#
#   HEAD=10.0.0.1 NODES=2 GPUS=8 OUTPUT=/shared/run-1 RUN=run-1 bash torchrun.sh --batch-size 1024
#
# HEAD    address of one of the machines; all must reach each other, on all ports
# NODES   how many machines, or a range such as 1:2 that may shrink and grow
# GPUS    processes per machine, one for each GPU
# OUTPUT  folder for checkpoint and results; shared, if rank 0 may move
# RUN     a name that the machines of this run have in common, and no other run has
# All arguments go to the training command.
set -euo pipefail

: "${HEAD:?address of the first machine}" "${OUTPUT:?folder for checkpoint and results}"

# PyTorch 2.15: without it, restarted processes find the addresses of the dead ones.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1

exec torchrun \
    --nnodes "${NODES:-2}" \
    --nproc-per-node "${GPUS:-8}" \
    --max-restarts "${RESTARTS:-3}" \
    --rdzv-backend c10d \
    --rdzv-endpoint "$HEAD:${PORT:-29400}" \
    --rdzv-id "${RUN:-run-1}" \
    -m helpers.train "$OUTPUT" "$@"
