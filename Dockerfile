# One recipe for every service: docker build --build-arg SERVICE=messages .
# The image keeps the shape of the workspace, because Node runs TypeScript as it is everywhere but under
# node_modules. The targets `push-simulators` and `bull-board` are for docker-compose.yml and are in no deployment; `cli` is
# the `parley` command.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS packages
RUN npm install --global pnpm@12.21.0
WORKDIR /app
COPY pnpm-lock.yaml pnpm-workspace.yaml ./
# Downloaded once for every image, and again only when the lockfile changes. pnpm need not fetch the version of
# itself that package.json names; more connections at once than this make some proxies stall.
ENV PNPM_FLAGS="--prod --config.pmOnFail=ignore --config.networkConcurrency=8"
RUN pnpm fetch ${PNPM_FLAGS} && rm -rf node_modules
COPY package.json ./

FROM packages AS simulators-install
COPY packages/shared/package.json packages/shared/package.json
COPY packages/testing/package.json packages/testing/package.json
COPY infra/local/package.json infra/local/package.json
RUN pnpm install --offline --frozen-lockfile ${PNPM_FLAGS} --filter-prod "@parley/local..."

FROM ${NODE_IMAGE} AS push-simulators
ENV NODE_ENV=production
COPY --from=simulators-install /app /app
COPY packages/shared/src /app/packages/shared/src
COPY packages/testing/src /app/packages/testing/src
COPY infra/local/src /app/infra/local/src
WORKDIR /app/infra/local
RUN mkdir /run/push && chown 1000:1000 /run/push
USER 1000:1000
CMD ["node", "src/push-simulators/main.ts"]

FROM packages AS bull-board-install
COPY packages/shared/package.json packages/shared/package.json
COPY infra/bull-board/package.json infra/bull-board/package.json
RUN pnpm install --offline --frozen-lockfile ${PNPM_FLAGS} --filter-prod "@parley/bull-board..."

FROM ${NODE_IMAGE} AS bull-board
ENV NODE_ENV=production
COPY --from=bull-board-install /app /app
COPY packages/shared/src /app/packages/shared/src
COPY infra/bull-board/src /app/infra/bull-board/src
WORKDIR /app/infra/bull-board
USER 1000:1000
CMD ["node", "src/main.ts"]

FROM packages AS cli-install
COPY packages/shared/package.json packages/shared/package.json
COPY infra/cli/package.json infra/cli/package.json
RUN pnpm install --offline --frozen-lockfile ${PNPM_FLAGS} --filter-prod "@parley/cli..."

FROM ${NODE_IMAGE} AS cli
ENV NODE_ENV=production
COPY --from=cli-install /app /app
COPY packages/shared/src /app/packages/shared/src
COPY infra/cli/src /app/infra/cli/src
WORKDIR /app
USER 1000:1000
ENTRYPOINT ["node", "infra/cli/src/main.ts"]

FROM packages AS install
ARG SERVICE
COPY packages/shared/package.json packages/shared/package.json
COPY services/${SERVICE}/package.json services/${SERVICE}/package.json
RUN pnpm install --offline --frozen-lockfile ${PNPM_FLAGS} --filter-prod "@parley/${SERVICE}..."

FROM ${NODE_IMAGE} AS service
# What installs packages has no place beside a running service.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn*
ARG SERVICE
# Debian keeps ffmpeg patched; what npm has of it is years old.
RUN if [ "$SERVICE" = media ]; then \
      apt-get update -qq && apt-get install -y -qq --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*; \
    fi
ENV NODE_ENV=production SERVICE=${SERVICE}
COPY infra/docker/healthcheck.mjs /app/healthcheck.mjs
COPY --from=install /app /app
COPY packages/shared/src /app/packages/shared/src
COPY services/${SERVICE}/src /app/services/${SERVICE}/src
WORKDIR /app/services/${SERVICE}
USER 1000:1000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=10s --start-period=40s --retries=5 CMD ["node", "/app/healthcheck.mjs"]
CMD ["node", "src/main.ts"]
