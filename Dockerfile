# tidemark in a container: Node 24 runs the sources as they are; they are compiled while the image is made. Run as `tidemark COMMAND`.
FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Node is the image's own here: the npm package "node" would only add a second one.
RUN npm ci --omit=dev --ignore-scripts && rm -rf node_modules/node node_modules/node-bin-* node_modules/.bin/node

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY docs ./docs
COPY bin ./bin
COPY scripts/compile.js ./scripts/compile.js
COPY src ./src
RUN mkdir -p /data node_modules/.cache && chown node:node /data node_modules/.cache
USER node
RUN node scripts/compile.js
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:5000/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/bin/tidemark.js"]
CMD ["serve", "--data", "/data", "--host", "0.0.0.0"]
