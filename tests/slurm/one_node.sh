#!/usr/bin/env bash
# A throw-away SLURM cluster of one node, for the tests in this folder and for trying the profile.
#
#   one_node.sh install           install the packages (Debian, Ubuntu); does nothing where they are there
#   one_node.sh start             start the cluster; does nothing where it runs
#   one_node.sh status            the node and its jobs
#   one_node.sh stop [--purge]    cancel all jobs and stop; --purge removes its folder too
#
# Needs root, but neither systemd nor a database. Everything lies in one folder, except for the link
# /etc/slurm/slurm.conf: jobs find the cluster there, because the executor plugin removes SLURM_CONF from their
# environment. A configuration that is already there is never touched.
#
# Jobs run for real and side by side. CPUs, GPUs and memory are counted but not confined, so that the numbers below
# may be larger than the machine; a GPU is a copy of /dev/null that SLURM hands out through CUDA_VISIBLE_DEVICES.
set -euo pipefail

dir=${NNSTATMECH_SLURM_DIR:-${TMPDIR:-/tmp}/nnstatmech-slurm}
cpus=${NNSTATMECH_SLURM_CPUS:-$(nproc --all)}
gpus=${NNSTATMECH_SLURM_GPUS:-1}
memory=${NNSTATMECH_SLURM_MEMORY:-$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 * 9 / 10))} # MB
controller_port=${NNSTATMECH_SLURM_CONTROLLER_PORT:-16817}
node_port=${NNSTATMECH_SLURM_NODE_PORT:-16818}
packages=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)
system_conf=/etc/slurm/slurm.conf
host=$(hostname -s)
export SLURM_CONF=$dir/slurm.conf

fail() {
    echo "one_node.sh: $*" >&2
    exit 1
}

need_root() { [[ $(id -u) == 0 ]] || fail "$1 needs root"; }

installed() {
    local command
    for command in slurmctld slurmd sbatch munged; do
        command -v "$command" >/dev/null || return 1
    done
}

install_packages() {
    if installed; then return; fi
    need_root install
    command -v apt-get >/dev/null || fail "no apt-get here; install these packages by hand: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local log
    log=$(mktemp)
    # The lists of packages may be old or absent, in which case they are fetched and the packages tried again.
    if ! apt-get install -y -qq --no-install-recommends "${packages[@]}" >"$log" 2>&1; then
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 ||
            fail "apt-get cannot install ${packages[*]}: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log"; rm -f "$log")"
    fi
    rm -f "$log"
}

# --- configuration ----------------------------------------------------------------------------

refuse_to_shadow() {
    if [[ -L $system_conf && $(readlink "$system_conf") == "$SLURM_CONF" ]]; then return; fi
    if [[ -e $system_conf || -L $system_conf ]]; then
        fail "$system_conf is there already: this machine belongs to a cluster, which stays as it is"
    fi
}

write_configuration() {
    mkdir -p "$dir"/{state,spool,log,munge}
    local gres="" gres_types="" gpu
    if ((gpus > 0)); then gres="Gres=gpu:$gpus" gres_types="GresTypes=gpu"; fi
    # No accounting and no control groups, hence no database and no systemd. MinJobAge: without accounting, the
    # plugin learns how a job ended from squeue, which must remember it until then.
    cat >"$SLURM_CONF" <<CONF
ClusterName=onenode
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=600
MessageTimeout=30
KillWait=5
InactiveLimit=0
$gres_types
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory $gres State=UNKNOWN
PartitionName=cpu Nodes=$host MaxTime=INFINITE DefMemPerCPU=512 Default=YES State=UP
PartitionName=gpu Nodes=$host MaxTime=INFINITE DefMemPerCPU=512 State=UP
CONF
    : >"$dir/gres.conf"
    for ((gpu = 0; gpu < gpus; gpu++)); do # a GPU must be a character device of its own
        [[ -c $dir/gpu$gpu ]] || mknod -m 666 "$dir/gpu$gpu" c 1 3
        echo "Name=gpu File=$dir/gpu$gpu" >>"$dir/gres.conf"
    done
    # slurmd loads a plugin for control groups, always. Before 23.02 there is no empty one, but v1 does nothing
    # as long as no other plugin asks for it.
    local version
    version=$(slurmd -V | awk '{split($2, part, "."); printf "%d%02d", part[1], part[2]}')
    if ((version >= 2302)); then
        echo "CgroupPlugin=disabled"
    else
        echo "CgroupPlugin=cgroup/v1"
    fi >"$dir/cgroup.conf"
}

# --- daemons ----------------------------------------------------------------------------------

pid_of() { # of a daemon that was started from our folder, whatever else has that number by now
    local pid
    [[ -s $1 ]] && pid=$(<"$1") && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "$dir" && echo "$pid"
}

start_munge() {
    if pid_of "$dir/munge/munged.pid" >/dev/null; then return; fi
    [[ -s $dir/munge/munge.key ]] || head -c 1024 /dev/urandom >"$dir/munge/munge.key"
    chmod 400 "$dir/munge/munge.key"
    chmod 755 "$dir" "$dir/munge"
    munged --force --key-file="$dir/munge/munge.key" --socket="$dir/munge/munge.socket" \
        --pid-file="$dir/munge/munged.pid" --log-file="$dir/log/munged.log" --seed-file="$dir/munge/munged.seed" \
        2>>"$dir/log/munged.log" || fail "munged does not start: $(tail -n 1 "$dir/log/munged.log")"
}

start_daemon() { # name, arguments
    if pid_of "$dir/$1.pid" >/dev/null; then return; fi
    "$@" 2>>"$dir/log/$1.log" || fail "$1 does not start: $(tail -n 1 "$dir/log/$1.log")"
}

start() {
    need_root start
    installed || fail "SLURM is not installed; first: $0 install"
    refuse_to_shadow
    write_configuration
    mkdir -p "${system_conf%/*}"
    ln -sfn "$SLURM_CONF" "$system_conf"
    start_munge
    start_daemon slurmctld -f "$SLURM_CONF" -i
    start_daemon slurmd -f "$SLURM_CONF" -N "$host"
    local _
    for _ in {1..300}; do
        case $(sinfo --noheader --format %T --partition cpu 2>/dev/null) in
            idle | mixed | allocated)
                echo "one node: $(sinfo --noheader --format '%c CPUs, %m MB, %G' --partition gpu)"
                return
                ;;
        esac
        sleep 0.1
    done
    tail -n 5 "$dir"/log/*.log >&2
    stop
    fail "the node did not become idle within 30 seconds; its last messages are above"
}

stop() {
    need_root stop
    if pid_of "$dir/slurmctld.pid" >/dev/null; then
        scancel --user=root 2>/dev/null || true
        local _
        for _ in {1..100}; do # jobs end before their node does
            [[ -n $(squeue --noheader 2>/dev/null) ]] || break
            sleep 0.1
        done
    fi
    local pid file
    for file in "$dir"/{slurmd,slurmctld,munge/munged}.pid; do
        pid=$(pid_of "$file") || continue
        kill "$pid"
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || continue 2
            sleep 0.1
        done
        kill -9 "$pid"
    done
    if [[ $(readlink "$system_conf" 2>/dev/null) == "$SLURM_CONF" ]]; then rm "$system_conf"; fi
    if [[ ${1:-} == --purge ]]; then rm -rf "$dir"; fi
}

status() {
    pid_of "$dir/slurmctld.pid" >/dev/null || fail "not running"
    sinfo -N --format "%N %T %C %mMB %G"
    squeue --states=all --format "%.6i %.9T %.9M %.8m %k"
}

case ${1:-} in
    install) install_packages ;;
    start) start ;;
    stop) stop "${2:-}" ;;
    status) status ;;
    *)
        grep '^#  ' "$0" >&2
        exit 2
        ;;
esac
